# A stand-in for the flake's one input, for machines that reach neither nixpkgs nor its binary cache. With it a
# real Nix evaluates and builds flake.nix and nix/*.nix, unchanged:
#
#   nix build .#image --override-input nixpkgs path:.ci/nixpkgs --no-write-lock-file
#
# Its outputs are never releases: the compiler and the tools are the machine's own (Debian's gcc, the Rust
# toolchain in /opt/rust), and its packages are links to them.
#
# It is small and strict on purpose: a name or an argument that it does not define is an evaluation error. So this
# list has everything that flake.nix and nix/*.nix use, each with its name and meaning in nixpkgs 26.05, and
# .ci/nix compares the files with the list:
#
# names: lib.fileset.maybeMissing lib.fileset.toSource lib.fileset.unions lib.genAttrs lib.getExe lib.importTOML lib.licenses.mit
# names: lib.optionalAttrs lib.optionalString lib.optionals
# names: pkgs.callPackage pkgs.callPackages pkgs.dockerTools.buildLayeredImage pkgs.dockerTools.caCertificates
# names: pkgs.mkShell pkgs.runCommand pkgs.rustPlatform.buildRustPackage pkgs.stdenv.hostPlatform.isLinux
# names: pkgs.cacert pkgs.cargo-deny pkgs.chromium pkgs.clippy pkgs.curl pkgs.docker-compose pkgs.glibc.static pkgs.go pkgs.jq pkgs.just pkgs.nixfmt
# names: pkgs.nixfmt-tree pkgs.nodejs pkgs.nukeReferences pkgs.rust-analyzer pkgs.rustfmt pkgs.valgrind
# args: buildRustPackage pname version src cargoLock cargoBuildFlags nativeBuildInputs buildInputs env preBuild doCheck postInstall meta
# args: overrideAttrs pname src nativeBuildInputs buildPhase installPhase
# args: buildLayeredImage name tag created contents config
# args: mkShell inputsFrom packages shellHook
{
  description = "A stand-in for nixpkgs, for tests only";

  outputs =
    { self }:
    let
      # A file set is a path, a path that may be missing, or a list of existing paths.
      filesOf =
        fileset:
        if builtins.isList fileset then
          fileset
        else if fileset ? missing then
          if fileset.missing then [ ] else [ (toString fileset.path) ]
        else if builtins.pathExists fileset then
          [ (toString fileset) ]
        else
          throw "lib.fileset: ${toString fileset} does not exist";

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

          # A derivation of a shell script. Nix kills a builder when its output pipe closes, and some tools close
          # it before they exit: the `:` lets the shell exit last.
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

          # A command of the machine under the name of a package.
          hostTool =
            name:
            build name { } ''
              mkdir -p $out/bin
              found=$(command -v ${name}) || found=
              if [ -n "$found" ]; then
                ln -s "$found" $out/bin/${name}
              else
                printf '#!/bin/sh\necho "${name}: this machine has none, and neither has the stand-in for nixpkgs" >&2\nexit 127\n' >$out/bin/${name}
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
            workspace:
            build "cargo-vendor"
              {
                __noChroot = true;
                inherit (workspace) manifests stubs;
              }
              ''
                export CARGO_HOME=$NIX_BUILD_TOP/cargo SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
                mkdir -p "$CARGO_HOME"
                [ ! -d /opt/cargo/registry ] || ln -s /opt/cargo/registry "$CARGO_HOME/registry"
                ${unpackStubs}
                mkdir $out && cargo vendor --locked --versioned-dirs $out >/dev/null
              '';

          # A workspace without its code: the manifests, the source files that Cargo looks for, and the names.
          workspaceOf =
            root:
            let
              crates = map (name: "crates/${name}") (builtins.attrNames (builtins.readDir (root + "/crates")));
              manifestOf = member: lib.importTOML (root + "/${member}/Cargo.toml");
              stubsOf =
                member:
                let
                  manifest = manifestOf member;
                  named = folder: map (target: target.path or "${folder}/${target.name}.rs");
                in
                map (file: "${member}/${file}") (
                  [
                    "src/lib.rs"
                    "src/main.rs"
                  ]
                  ++ named "src/bin" (manifest.bin or [ ])
                  ++ named "benches" (manifest.bench or [ ])
                  ++ named "tests" (manifest.test or [ ])
                  ++ named "examples" (manifest.example or [ ])
                );
              isMember = path: baseNameOf path == "crates" || baseNameOf (dirOf path) == "crates";
              isManifest = path: baseNameOf path == "Cargo.toml" || baseNameOf path == "Cargo.lock";
            in
            {
              manifests = builtins.path {
                name = "manifests";
                path = root;
                filter = path: type: if type == "directory" then isMember path else isManifest path;
              };
              stubs = builtins.concatMap stubsOf ([ "." ] ++ crates);
              names = map (member: (manifestOf member).package.name) ([ "." ] ++ crates);
            };

          unpackStubs = ''
            cp -r --no-preserve=mode "$manifests" "$NIX_BUILD_TOP/source" && cd "$NIX_BUILD_TOP/source"
            for stub in $stubs; do
              mkdir -p "$(dirname "$stub")"
              case $stub in
                */src/lib.rs) : >"$stub" ;;
                *) echo 'fn main() {}' >"$stub" ;;
              esac
            done
          '';

          buildRustPackage =
            {
              pname,
              version,
              src,
              cargoLock,
              cargoBuildFlags ? [ ],
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
              workspace = workspaceOf (dirOf cargoLock.lockFile);
              crates = vendor workspace;
              release = "cargo build --release --frozen --target ${target} ${toString cargoBuildFlags}";
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
              # nixpkgs compiles the dependencies again with every change. Here they are a build of their own, of
              # the workspace without its code: one for the package, one for the tests and clippy.
              compiled =
                build "cargo-compiled-crates"
                  (
                    shared
                    // {
                      inherit (workspace) manifests stubs;
                    }
                  )
                  ''
                    ${prepare}
                    ${unpackStubs}
                    runHook preBuild
                    ${
                      if buildPhase == null then
                        release
                      else
                        ''
                          cargo test --workspace --no-run --frozen
                          cargo clippy --workspace --all-targets --frozen
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
                    cp -r --preserve=timestamps "$compiled" target # Cargo compares file times
                    chmod -R u+w target
                    # Cargo must not take what it compiled from the empty sources for the real crates.
                    for name in ${toString workspace.names}; do
                      find target -depth -path "*/.fingerprint/$name-*" -delete
                    done
                    ${
                      if buildPhase == null then
                        ''
                          runHook preBuild
                          ${release}
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
                # The links for `contents`, then the store paths that they lead to.
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
            # Debian's libc6-dev contains the static library too.
            glibc.static = build "glibc-static" { } "mkdir -p $out/bin";
            nukeReferences = build "nuke-references" { } ''
              mkdir -p $out/bin
              printf '#!/bin/bash\nset -eu\nfor file; do sed -i -E "s|(/nix/store/)[0-9a-z]{32}-|\\1eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-|g" "$file"; done\n' \
                >$out/bin/nuke-refs
              chmod 755 $out/bin/nuke-refs
            '';
            # The style of nixfmt, from a Rust implementation that Cargo can fetch.
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
            # `nix develop` takes it from the flake's nixpkgs.
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
