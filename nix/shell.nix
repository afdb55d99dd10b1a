# `nix develop`: the toolchain, and the tools of the tests and of daily work.
{
  lib,
  stdenv,
  mkShell,
  cargo-deny,
  chromium,
  clippy,
  curl,
  docker-compose,
  go,
  jq,
  just,
  nixfmt-tree,
  nodejs,
  rocket-otel-demo,
  rust-analyzer,
  rustfmt,
  valgrind,
}:
mkShell {
  # cargo, rustc and a C compiler (for ring) come with the package.
  inputsFrom = [ (rocket-otel-demo.override { static = false; }) ];
  packages = [
    cargo-deny
    clippy
    curl
    docker-compose
    go # builds the real Jaeger of the end-to-end tests
    jq
    just
    nixfmt-tree
    nodejs # drives the browser, and runs the WebAssembly component
    rust-analyzer
    rustfmt
  ]
  ++ lib.optionals stdenv.hostPlatform.isLinux [
    chromium # shows the page
    valgrind # counts the instructions per request
  ];
  shellHook = ''
    echo "rocket-otel-demo: cargo run | cargo test | cargo clippy | just | nix fmt | nix build .#image && docker load < result"
  '';
}
