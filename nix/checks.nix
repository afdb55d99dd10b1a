# What `nix flake check` runs on the sources: the tests, and clippy with every warning an error.
{
  clippy,
  rocket-otel-demo,
}:
let
  # The package's own sources and crates, with another command run on them in place of the build.
  # Not static: these run where they are built.
  run =
    name: tools: command:
    (rocket-otel-demo.override { static = false; }).overrideAttrs (old: {
      pname = "${old.pname}-${name}";
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
  tests = run "tests" [ ] "cargo test --offline";
  clippy = run "clippy" [ clippy ] "cargo clippy --offline --all-targets -- -D warnings";
}
