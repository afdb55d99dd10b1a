# Checks the image's configuration against the README's claims, as `docker load` would read it.
{
  runCommand,
  image,
  jq,
}:
runCommand "image-config" { nativeBuildInputs = [ jq ]; } ''
  mkdir image
  tar -C image -xf ${image}
  jq -r '.[0].RepoTags[0]' image/manifest.json | grep -x 'rocket-otel-demo:[0-9.]*'
  jq .config image/"$(jq -r '.[0].Config' image/manifest.json)" >config.json

  holds() {
    jq -e "$1" config.json >/dev/null || { echo "does not hold for the image's configuration: $1"; exit 1; }
  }
  holds '.User | test("^[1-9][0-9]*:[1-9][0-9]*$")'
  holds '.ExposedPorts | keys == ["8000/tcp"]'
  holds '.Entrypoint | length == 1 and (.[0] | endswith("/bin/rocket-otel-demo"))'
  holds '.Env | index("ROCKET_ADDRESS=0.0.0.0")'
  holds '.StopSignal == "SIGTERM"'
  holds '.Healthcheck | .Test[0] == "CMD" and .Test[2] == "healthcheck"'
  holds '.Healthcheck | [.Interval, .Timeout, .StartPeriod, .Retries] == [10e9, 3e9, 5e9, 3]'
  holds '.Labels | [.["org.opencontainers.image.licenses", "org.opencontainers.image.title"]] == ["MIT", "rocket-otel-demo"]'
  holds '.Labels | .["org.opencontainers.image.source"] | startswith("https://")'
  holds '.Labels | has("org.opencontainers.image.version")'
  touch $out
''
