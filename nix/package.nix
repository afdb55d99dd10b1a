# The binary: server, runner and health check, with the templates and static files compiled in.
{
  lib,
  stdenv,
  rustPlatform,
  glibc,
  nukeReferences,
  # On Linux the binary needs no shared library, so that the image need not hold any.
  static ? stdenv.hostPlatform.isLinux,
}:
let
  manifest = lib.importTOML ../Cargo.toml;
  # What the members of the workspace have in common.
  shared = manifest.workspace.package;
in
rustPlatform.buildRustPackage {
  pname = manifest.package.name;
  inherit (shared) version;

  # Only what Cargo needs to build the binary: editing the README or the demo's tests rebuilds nothing.
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../Cargo.lock
      ../Cargo.toml
      # Cargo requires the files of every target that a manifest names, whether it builds them or not.
      (lib.fileset.maybeMissing ../benches)
      # Every member of the workspace, for the same reason.
      ../crates
      ../src
      ../static
      ../templates
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;
  cargoBuildFlags = [ "--package=${manifest.package.name}" ];

  nativeBuildInputs = lib.optionals static [ nukeReferences ];
  buildInputs = lib.optionals static [ glibc.static ];
  env.RUSTFLAGS = lib.optionalString static "-C target-feature=+crt-static";

  # The build folder's name differs between Linux's sandbox and other builds; the binary must not contain it.
  preBuild = ''
    export RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=$NIX_BUILD_TOP=/build"
  '';

  # `nix run` does not wait for the tests: they are a check of the flake (checks.nix).
  doCheck = false;

  # A static glibc leaves the path of its own folder (locales, character sets) in the binary. The server opens
  # neither, and with that reference the image would contain all of glibc.
  postInstall = lib.optionalString static ''
    nuke-refs $out/bin/${manifest.package.name}
  '';

  meta = {
    inherit (manifest.package) description;
    homepage = shared.repository;
    license = lib.licenses.mit;
    mainProgram = manifest.package.name;
  };
}
