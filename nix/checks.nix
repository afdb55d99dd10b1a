# The checks of the sources in `nix flake check`: the tests, and clippy with every warning an error.
{
  lib,
  cacert,
  clippy,
  rocket-otel-demo,
}:
let
  # The package with another command in place of the build, on the whole repository: the tests read the
  # documentation too. Not static: the tests run where they are built.
  run =
    name: tools: command:
    (rocket-otel-demo.override { static = false; }).overrideAttrs (old: {
      pname = "${old.pname}-${name}";
      src = lib.fileset.toSource {
        root = ../.;
        fileset = ../.;
      };
      nativeBuildInputs = old.nativeBuildInputs ++ tools;
      buildPhase = ''
        runHook preBuild
        ${command}
        runHook postBuild
      '';
      installPhase = "touch $out";
    });
in
{
  # Nix's sandbox has no certificate authorities, and the tests of TLS need an untrusted one beside trusted ones.
  tests =
    run "tests" [ ]
      "SSL_CERT_FILE=${cacert}/etc/ssl/certs/ca-bundle.crt cargo test --offline --workspace";
  clippy = run "clippy" [ clippy ] "cargo clippy --offline --workspace --all-targets -- -D warnings";
}
