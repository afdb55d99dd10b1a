# The check that Nix and Rust files are as `nix fmt` and `cargo fmt` leave them.
{
  lib,
  runCommand,
  nixfmt,
  rustfmt,
}:
let
  manifest = (lib.importTOML ../Cargo.toml).package;
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../.ci/nixpkgs
      ../flake.nix
      ../nix
      ../rustfmt.toml
      (lib.fileset.maybeMissing ../benches)
      ../examples
      ../src
      ../tests
    ];
  };
in
runCommand "format"
  {
    nativeBuildInputs = [
      nixfmt
      rustfmt
    ];
  }
  ''
    cd ${src}
    find . -name '*.nix' -print0 | xargs -0 nixfmt --check
    find . -name '*.rs' -print0 | xargs -0 rustfmt --check --edition ${manifest.edition}
    touch $out
  ''
