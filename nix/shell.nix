# `nix develop`: the toolchain, and what the tests and a person at work call.
{
  mkShell,
  clippy,
  curl,
  docker-compose,
  go,
  jq,
  just,
  nixfmt-tree,
  rocket-otel-demo,
  rust-analyzer,
  rustfmt,
}:
mkShell {
  # cargo, rustc and a C compiler (for ring) come with the package itself.
  inputsFrom = [ (rocket-otel-demo.override { static = false; }) ];
  packages = [
    clippy
    curl
    docker-compose
    go # builds the real Jaeger that the end-to-end tests talk to
    jq
    just
    nixfmt-tree
    rust-analyzer
    rustfmt
  ];
  shellHook = ''
    echo "rocket-otel-demo: cargo run | cargo test | cargo clippy | just | nix fmt | nix build .#image && docker load < result"
  '';
}
