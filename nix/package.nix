# The one binary: server, runner and health check, its templates and static files compiled in.
{
  lib,
  stdenv,
  rustPlatform,
  glibc,
  nukeReferences,
  # On Linux the binary needs no library at run time, so that the image holds it and nothing beside it.
  static ? stdenv.hostPlatform.isLinux,
}:
let
  manifest = (lib.importTOML ../Cargo.toml).package;
in
rustPlatform.buildRustPackage {
  pname = manifest.name;
  inherit (manifest) version;

  # What the binary is made of, and no more: editing a test, the README or this folder rebuilds nothing.
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../Cargo.lock
      ../Cargo.toml
      # Cargo wants the files of every target it is told of, whether it builds them or not.
      (lib.fileset.maybeMissing ../benches)
      ../src
      ../static
      ../templates
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;

  nativeBuildInputs = lib.optionals static [ nukeReferences ];
  buildInputs = lib.optionals static [ glibc.static ];
  env.RUSTFLAGS = lib.optionalString static "-C target-feature=+crt-static";

  # The build folder has one name in Linux's sandbox and another everywhere else; the binary must not tell.
  preBuild = ''
    export RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=$NIX_BUILD_TOP=/build"
  '';

  # `nix run` should not wait for the tests: they are a check of the flake's (checks.nix).
  doCheck = false;

  # A static glibc names its own folder (locales, character sets) in what it is linked into. The server
  # opens neither, and without this the image would carry all of glibc along.
  postInstall = lib.optionalString static ''
    nuke-refs $out/bin/${manifest.name}
  '';

  meta = {
    inherit (manifest) description;
    homepage = manifest.repository;
    license = lib.licenses.mit;
    mainProgram = manifest.name;
  };
}
