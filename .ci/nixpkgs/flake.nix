# A stand-in for the flake's one input, for machines that can reach neither nixpkgs nor its binary
# cache. It lets a real Nix evaluate and build flake.nix and nix/*.nix, unchanged:
#
#   nix build .#image --override-input nixpkgs path:.ci/nixpkgs --no-write-lock-file
#
# It is no nixpkgs, and what comes out of it is never a release: the compiler and the tools are the
# machine's own (Debian's gcc, the Rust toolchain in /opt/rust), its packages mere links to them.
#
# It is small and strict on purpose. A name or an argument that is not written down here is an
# evaluation error, so everything that flake.nix and nix/*.nix call must be in this list, and each
# name in it is nixpkgs 26.05's own, with the same meaning; .ci/nix holds the files to the list:
#
# names: lib.fileset.maybeMissing lib.fileset.toSource lib.fileset.unions lib.genAttrs lib.getExe lib.importTOML lib.licenses.mit
# names: lib.optionalAttrs lib.optionalString lib.optionals
# names: pkgs.callPackage pkgs.callPackages pkgs.dockerTools.buildLayeredImage pkgs.dockerTools.caCertificates
# names: pkgs.mkShell pkgs.runCommand pkgs.rustPlatform.buildRustPackage pkgs.stdenv.hostPlatform.isLinux
# names: pkgs.cacert pkgs.cargo-deny pkgs.chromium pkgs.clippy pkgs.curl pkgs.docker-compose pkgs.glibc.static pkgs.go pkgs.jq pkgs.just pkgs.nixfmt
# names: pkgs.nixfmt-tree pkgs.nodejs pkgs.nukeReferences pkgs.rust-analyzer pkgs.rustfmt pkgs.valgrind
# args: buildRustPackage pname version src cargoLock nativeBuildInputs buildInputs env preBuild doCheck postInstall meta
# args: overrideAttrs pname src nativeBuildInputs buildPhase installPhase
# args: buildLayeredImage name tag created contents config
# args: mkShell inputsFrom packages shellHook
{
  description = "A stand-in for nixpkgs, for tests only";

  outputs =
    { self }:
    let
      # A file set is a path, one that may be missing, or a list of paths already seen to be there.
      filesOf =
        fileset:
        if builtins.isList fileset then
          fileset
        else if fileset ? missing then
          if fileset.missing then [ ] else [ (toString fileset.path) ]
        else if builtins.pathExists fileset then
          [ (toString fileset) ]
        else
          throw "lib.fileset: ${toString fileset} is not there";

      lib = {
        genAttrs =
          names: f:
          builtins.listToAttrs (
            map (name: {
              inherit name;
              value = f name;
            }) names
          );
        getExe = drv: "${drv}/bin/${drv.meta.mainProgram}";
        importTOML = file: fromTOML (builtins.readFile file);
        licenses.mit = {
          spdxId = "MIT";
          fullName = "MIT License";
        };
        optionalAttrs = condition: attrs: if condition then attrs else { };
        optionalString = condition: string: if condition then string else "";
        optionals = condition: list: if condition then list else [ ];
        fileset = {
          maybeMissing = path: {
            missing = !builtins.pathExists path;
            inherit path;
          };
          unions = builtins.concatMap filesOf;
          toSource =
            { root, fileset }:
            let
              files = filesOf fileset;
              startsWith = prefix: path: builtins.substring 0 (builtins.stringLength prefix) path == prefix;
              within = path: file: path == file || startsWith "${file}/" path;
              leadsTo = path: file: startsWith "${path}/" file;
            in
            builtins.path {
              name = "source";
              path = root;
              filter = path: _: builtins.any (file: within path file || leadsTo path file) files;
            };
        };
      };

      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];

      packagesFor =
        system:
        let
          isLinux = builtins.match ".*-linux" system != null;
          target = builtins.replaceStrings [ "-linux" ] [ "-unknown-linux-gnu" ] system;
          hostPath = "/opt/rust/bin:/usr/local/bin:/usr/bin:/bin";
          binPath =
            inputs: builtins.concatStringsSep ":" (map (input: "${input}/bin") inputs ++ [ hostPath ]);

          # A derivation of a shell script. Nix kills a builder whose output pipe closes, and some tools close
          # theirs before they end: hence the `:` that keeps the shell for last.
          build =
            name: env: script:
            derivation (
              {
                inherit name system;
                builder = "/bin/bash";
                SOURCE_DATE_EPOCH = "1";
                args = [
                  "-euc"
                  ''
                    set -o pipefail
                    export PATH=''${PATH:-} HOME=$NIX_BUILD_TOP/home TERM=dumb LANG=C.UTF-8
                    mkdir -p "$HOME"
                    ${script}
                    :
                  ''
                ];
              }
              // env
              // {
                PATH = binPath (env.nativeBuildInputs or [ ]);
              }
            );

          runCommand =
            name: env: script:
            build name env script;

          # One of the machine's own commands under a package's name.
          hostTool =
            name:
            build name { } ''
              mkdir -p $out/bin
              found=$(command -v ${name}) || found=
              if [ -n "$found" ]; then
                ln -s "$found" $out/bin/${name}
              else
                printf '#!/bin/sh\necho "${name}: not on this machine, and a stand-in has none" >&2\nexit 127\n' >$out/bin/${name}
                chmod 755 $out/bin/${name}
              fi
            '';

          callPackage =
            file: given:
            let
              f = if builtins.isFunction file then file else import file;
              wanted = builtins.functionArgs f;
              known = builtins.intersectAttrs wanted packages;
              result = f (known // given);
            in
            if result.type or null == "derivation" then
              result // { override = changed: callPackage f (given // changed); }
            else
              result;

          # The crates of a Cargo.lock, as `cargo vendor` lays them out. The one build that needs a network.
          vendor =
            lockFile:
            build "cargo-vendor"
              {
                __noChroot = true;
                manifest = builtins.path {
                  name = "Cargo.toml";
                  path = dirOf lockFile + "/Cargo.toml";
                };
                lock = builtins.path {
                  name = "Cargo.lock";
                  path = lockFile;
                };
                stubs = stubs lockFile;
              }
              ''
                export CARGO_HOME=$NIX_BUILD_TOP/cargo SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
                mkdir -p "$CARGO_HOME" crate && cd crate
                [ ! -d /opt/cargo/registry ] || ln -s /opt/cargo/registry "$CARGO_HOME/registry"
                cp "$manifest" Cargo.toml && cp "$lock" Cargo.lock
                for stub in $stubs; do mkdir -p "$(dirname "$stub")" && : >"$stub"; done
                mkdir $out && cargo vendor --locked --versioned-dirs $out >/dev/null
              '';

          # Every source file that Cargo.toml names or implies must be there before Cargo will resolve anything.
          stubs =
            lockFile:
            let
              manifest = lib.importTOML (dirOf lockFile + "/Cargo.toml");
              named = folder: map (t: t.path or "${folder}/${t.name}.rs");
            in
            [
              "src/lib.rs"
              "src/main.rs"
            ]
            ++ named "src/bin" (manifest.bin or [ ])
            ++ named "benches" (manifest.bench or [ ])
            ++ named "tests" (manifest.test or [ ])
            ++ named "examples" (manifest.example or [ ]);

          buildRustPackage =
            {
              pname,
              version,
              src,
              cargoLock,
              nativeBuildInputs ? [ ],
              buildInputs ? [ ],
              env ? { },
              preBuild ? "",
              doCheck ? true,
              postInstall ? "",
              meta ? { },
              # By overrideAttrs only:
              buildPhase ? null,
              installPhase ? null,
            }@args:
            let
              crates = vendor cargoLock.lockFile;
              shared = env // {
                inherit crates preBuild;
              };
              prepare = ''
                runHook() { eval "''${!1:-}"; }
                export CARGO_HOME=$NIX_BUILD_TOP/cargo CARGO_NET_OFFLINE=true
                mkdir -p "$CARGO_HOME"
                ln -s "$crates" "$NIX_BUILD_TOP/vendor"
                printf '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "%s"\n' \
                  "$NIX_BUILD_TOP/vendor" >"$CARGO_HOME/config.toml"
              '';
              # nixpkgs compiles the crates anew with every change; here they are a build of their own, with
              # the package's sources empty, so that a change recompiles the package alone; and the same one for
              # the tests and for clippy.
              compiled =
                build "cargo-compiled-crates"
                  (
                    shared
                    // {
                      manifest = builtins.path {
                        name = "Cargo.toml";
                        path = dirOf cargoLock.lockFile + "/Cargo.toml";
                      };
                      lock = builtins.path {
                        name = "Cargo.lock";
                        path = cargoLock.lockFile;
                      };
                      stubs = stubs cargoLock.lockFile;
                    }
                  )
                  ''
                    ${prepare}
                    mkdir "$NIX_BUILD_TOP/source" && cd "$NIX_BUILD_TOP/source"
                    cp "$manifest" Cargo.toml && cp "$lock" Cargo.lock
                    for stub in $stubs; do
                      mkdir -p "$(dirname "$stub")"
                      case $stub in
                        src/lib.rs) : >"$stub" ;;
                        *) echo 'fn main() {}' >"$stub" ;;
                      esac
                    done
                    runHook preBuild
                    ${
                      if buildPhase == null then
                        "cargo build --release --frozen --target ${target}"
                      else
                        ''
                          cargo test --no-run --frozen
                          cargo clippy --all-targets --frozen
                        ''
                    }
                    mv target $out
                  '';
              drv =
                build "${pname}-${version}"
                  (
                    shared
                    // {
                      inherit
                        src
                        compiled
                        nativeBuildInputs
                        buildInputs
                        ;
                    }
                  )
                  ''
                    ${prepare}
                    cp -r --no-preserve=mode,timestamps "$src" "$NIX_BUILD_TOP/source"
                    cd "$NIX_BUILD_TOP/source"
                    cp -r --preserve=timestamps "$compiled" target # Cargo compares the times of its files
                    chmod -R u+w target
                    # What was compiled of the empty sources must not pass for the real ones'.
                    find target -depth -path '*/.fingerprint/${pname'}-*' -delete
                    ${
                      if buildPhase == null then
                        ''
                          runHook preBuild
                          cargo build --release --frozen --target ${target}
                        ''
                      else
                        buildPhase
                    }
                    ${lib.optionalString doCheck "cargo test --release --frozen --target ${target}"}
                    ${
                      if installPhase == null then
                        ''
                          mkdir -p $out/bin
                          find target/${target}/release -maxdepth 1 -type f -executable -exec cp {} $out/bin/ ';'
                          ${postInstall}
                        ''
                      else
                        installPhase
                    }
                  '';
              pname' = (lib.importTOML (dirOf cargoLock.lockFile + "/Cargo.toml")).package.name;
            in
            drv
            // {
              inherit pname version meta;
              overrideAttrs =
                f:
                let
                  changed = f {
                    inherit pname nativeBuildInputs;
                  };
                  allowed = {
                    pname = true;
                    src = true;
                    nativeBuildInputs = true;
                    buildPhase = true;
                    installPhase = true;
                  };
                  unknown = builtins.attrNames (removeAttrs changed (builtins.attrNames allowed));
                in
                if unknown == [ ] then
                  buildRustPackage (args // changed)
                else
                  throw "overrideAttrs: no such argument here: ${toString unknown}";
              inputs = nativeBuildInputs ++ buildInputs;
            };

          buildLayeredImage =
            {
              name,
              tag,
              created,
              contents,
              config,
            }:
            build "${name}.tar.gz"
              {
                inherit contents created;
                repoTag = "${name}:${tag}";
                config = builtins.toJSON config;
                exportReferencesGraph = builtins.concatLists (
                  builtins.genList (n: [
                    "graph-${toString n}"
                    (builtins.elemAt contents n)
                  ]) (builtins.length contents)
                );
                architecture =
                  {
                    x86_64-linux = "amd64";
                    aarch64-linux = "arm64";
                  }
                  .${system};
              }
              ''
                mkdir -p root image
                # The links that `contents` asks for, then all that they lead to.
                for path in $contents; do
                  (cd "$path" && find . -type d) | while read -r dir; do mkdir -p "root/$dir"; done
                  (cd "$path" && find . ! -type d) | while read -r file; do ln -s "$path/''${file#./}" "root/$file"; done
                done
                mkdir -p root/nix/store
                grep -hE '^/nix/store/' graph-* | sort -u | while read -r path; do
                  [ -e "root$path" ] || cp -r --no-preserve=ownership "$path" "root$path"
                done
                find root -type d -exec chmod 555 {} +
                tar -C root --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner -cf layer.tar .
                chmod -R u+w root
                layer=$(sha256sum layer.tar | cut -d ' ' -f 1)
                mkdir "image/$layer" && mv layer.tar "image/$layer/layer.tar"
                jq -cn --argjson config "$config" --arg created "$created" --arg layer "sha256:$layer" \
                  --arg architecture "$architecture" \
                  '{architecture: $architecture, os: "linux", created: $created, config: $config,
                    rootfs: {type: "layers", diff_ids: [$layer]}, history: [{created: $created}]}' >config.json
                id=$(sha256sum config.json | cut -d ' ' -f 1)
                mv config.json "image/$id.json"
                jq -cn --arg id "$id" --arg tag "$repoTag" --arg layer "$layer/layer.tar" \
                  '[{Config: ($id + ".json"), RepoTags: [$tag], Layers: [$layer]}]' >image/manifest.json
                tar -C image --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner -c . | gzip -n >$out
              '';

          mkShell =
            {
              inputsFrom ? [ ],
              packages ? [ ],
              shellHook ? "",
            }:
            build "nix-shell" {
              nativeBuildInputs = packages ++ builtins.concatMap (drv: drv.inputs) inputsFrom;
              inherit shellHook;
              outputs = [ "out" ];
            } "touch $out";

          packages = {
            inherit
              lib
              callPackage
              runCommand
              mkShell
              ;
            callPackages = callPackage;
            stdenv.hostPlatform.isLinux = isLinux;
            rustPlatform.buildRustPackage = buildRustPackage;
            dockerTools = {
              inherit buildLayeredImage;
              caCertificates = build "ca-certificates" { } ''
                mkdir -p $out/etc/ssl/certs
                cat /usr/share/ca-certificates/mozilla/*.crt >$out/etc/ssl/certs/ca-certificates.crt
              '';
            };
            cacert = build "cacert" { } ''
              mkdir -p $out/etc/ssl/certs
              cat /usr/share/ca-certificates/mozilla/*.crt >$out/etc/ssl/certs/ca-bundle.crt
            '';
            # Debian's libc6-dev has the static library beside the other.
            glibc.static = build "glibc-static" { } "mkdir -p $out/bin";
            nukeReferences = build "nuke-references" { } ''
              mkdir -p $out/bin
              printf '#!/bin/bash\nset -eu\nfor file; do sed -i -E "s|(/nix/store/)[0-9a-z]{32}-|\\1eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-|g" "$file"; done\n' \
                >$out/bin/nuke-refs
              chmod 755 $out/bin/nuke-refs
            '';
            # nixfmt's own style, from a Rust implementation that Cargo can fetch.
            nixfmt = build "nixfmt" { __noChroot = true; } ''
              export CARGO_HOME=$NIX_BUILD_TOP/cargo SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
              mkdir -p "$CARGO_HOME"
              [ ! -d /opt/cargo/registry ] || ln -s /opt/cargo/registry "$CARGO_HOME/registry"
              cargo install --locked nixfmt_rs --version 0.5.3 --root $out
            '';
            nixfmt-tree =
              build "nixfmt-tree" { } ''
                mkdir -p $out/bin
                printf '#!/bin/sh\ngit ls-files -z -- "*.nix" | xargs -0 ${packages.nixfmt}/bin/nixfmt "$@"\n' >$out/bin/treefmt
                chmod 755 $out/bin/treefmt
              ''
              // {
                meta.mainProgram = "treefmt";
              };
            # `nix develop` itself asks the flake's nixpkgs for it.
            bashInteractive = hostTool "bash";
            clippy = hostTool "cargo-clippy";
            rustfmt = hostTool "rustfmt";
          }
          // lib.genAttrs [
            "cargo-deny"
            "chromium"
            "curl"
            "docker-compose"
            "go"
            "jq"
            "just"
            "nodejs"
            "rust-analyzer"
            "valgrind"
          ] hostTool;
        in
        packages;
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs systems packagesFor;
    };
}
