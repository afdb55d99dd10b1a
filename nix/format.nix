# Checks that `nix fmt` and `cargo fmt` would change nothing.
{
  lib,
  runCommand,
  nixfmt,
  rustfmt,
}:
let
  inherit ((lib.importTOML ../Cargo.toml).workspace.package) edition;
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../.ci
      ../flake.nix
      ../nix
      ../rustfmt.toml
      (lib.fileset.maybeMissing ../benches)
      ../crates
      (lib.fileset.maybeMissing ../examples)
      ../fuzz
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
    find . -name '*.rs' -print0 | xargs -0 rustfmt --check --edition ${edition}
    touch $out
  ''
