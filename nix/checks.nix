# What `nix flake check` runs on the sources: the tests, and clippy with every warning an error.
{
  lib,
  cacert,
  clippy,
  rocket-otel-demo,
}:
let
  # The package's crates, with another command in place of the build, and the whole repository: the tests
  # read the documentation too. Not static: these run where they are built.
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
  # Nix's sandbox has no certificate authorities: without any, the tests of TLS could not tell one from another.
  tests = run "tests" [ ] "SSL_CERT_FILE=${cacert}/etc/ssl/certs/ca-bundle.crt cargo test --offline";
  clippy = run "clippy" [ clippy ] "cargo clippy --offline --all-targets -- -D warnings";
}
