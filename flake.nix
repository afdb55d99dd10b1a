{
  description = "Application performance monitoring done right in Rocket, with OpenTelemetry and Jaeger";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  # Wiring only: each output has its own file under nix/.
  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      # `built` has this flake's packages for the same system.
      eachSystem =
        f:
        lib.genAttrs systems (
          system:
          f {
            pkgs = nixpkgs.legacyPackages.${system};
            built = self.packages.${system};
          }
        );
    in
    {
      packages = eachSystem (
        { pkgs, built }:
        {
          default = pkgs.callPackage ./nix/package.nix { };
        }
        # A container image holds a Linux binary, so only Linux builds one.
        // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
          image = pkgs.callPackage ./nix/image.nix { rocket-otel-demo = built.default; };
        }
      );

      apps = eachSystem (
        { pkgs, built }:
        {
          default = {
            type = "app";
            program = lib.getExe built.default;
            meta.description = "Serve the demo on port 8000; also: runner, healthcheck";
          };
        }
      );

      checks = eachSystem (
        { pkgs, built }:
        built
        // pkgs.callPackages ./nix/checks.nix { rocket-otel-demo = built.default; }
        // {
          format = pkgs.callPackage ./nix/format.nix { };
        }
        // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
          image-config = pkgs.callPackage ./nix/image-config.nix { inherit (built) image; };
        }
      );

      devShells = eachSystem (
        { pkgs, built }:
        {
          default = pkgs.callPackage ./nix/shell.nix { rocket-otel-demo = built.default; };
        }
      );

      formatter = eachSystem ({ pkgs, ... }: pkgs.nixfmt-tree);
    };
}
