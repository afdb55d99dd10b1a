# `nix develop`: the toolchain, and what the tests and a person at work call.
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
  # cargo, rustc and a C compiler (for ring) come with the package itself.
  inputsFrom = [ (rocket-otel-demo.override { static = false; }) ];
  packages = [
    cargo-deny
    clippy
    curl
    docker-compose
    go # builds the real Jaeger that the end-to-end tests talk to
    jq
    just
    nixfmt-tree
    nodejs # drives the browser, and hosts the WebAssembly component
    rust-analyzer
    rustfmt
  ]
  ++ lib.optionals stdenv.hostPlatform.isLinux [
    chromium # the page, as a browser shows it
    valgrind # counts the instructions of a request
  ];
  shellHook = ''
    echo "rocket-otel-demo: cargo run | cargo test | cargo clippy | just | nix fmt | nix build .#image && docker load < result"
  '';
}
