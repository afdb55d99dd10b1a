# The container image: the static binary and the certificate authorities. It has no shell, no package manager
# and no file that its user may write. `nix build .#image && docker load < result`
{
  lib,
  dockerTools,
  rocket-otel-demo,
}:
let
  seconds = n: n * 1000000000; # the image format counts nanoseconds
  port = 8000;
in
dockerTools.buildLayeredImage {
  name = rocket-otel-demo.pname;
  tag = rocket-otel-demo.version;
  # Fixed, so that the same commit gives the same image at any time.
  created = "1970-01-01T00:00:01Z";

  contents = [
    rocket-otel-demo # also as /bin/rocket-otel-demo, its path in the Dockerfile's image
    dockerTools.caCertificates # for an OTLP endpoint over TLS
  ];

  config = {
    Entrypoint = [ (lib.getExe rocket-otel-demo) ];
    Env = [
      "PATH=/bin"
      "ROCKET_ADDRESS=0.0.0.0" # Rocket's default, loopback, cannot be reached from outside a container
      "ROCKET_PORT=${toString port}"
    ];
    ExposedPorts."${toString port}/tcp" = { };
    # Numeric: the image has no /etc/passwd, and Kubernetes' runAsNonRoot accepts no name.
    User = "65532:65532";
    WorkingDir = "/";
    StopSignal = "SIGTERM";
    Healthcheck = {
      Test = [
        "CMD"
        (lib.getExe rocket-otel-demo)
        "healthcheck"
      ];
      Interval = seconds 10;
      Timeout = seconds 3;
      StartPeriod = seconds 5;
      Retries = 3;
    };
    Labels = {
      "org.opencontainers.image.title" = rocket-otel-demo.pname;
      "org.opencontainers.image.version" = rocket-otel-demo.version;
      "org.opencontainers.image.description" = rocket-otel-demo.meta.description;
      "org.opencontainers.image.source" = rocket-otel-demo.meta.homepage;
      "org.opencontainers.image.licenses" = rocket-otel-demo.meta.license.spdxId;
    };
  };
}
