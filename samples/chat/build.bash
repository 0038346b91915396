# SPDX-License-Identifier: MIT
# For the scripts of this folder, which source it: builds the chat's programs.
# shellcheck shell=bash

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$source/build/chat

# Installs what is missing, and builds in $build, as far as that is needed.
build_chat()
{
    "$source/test/install" build
    # A directory without build.ninja is what a failed setup leaves behind.
    if [[ ! -f $build/build.ninja ]]; then
        rm -rf "$build"
        meson setup --buildtype=release -Dtests=false "$build" "$source"
    fi
    meson compile -C "$build"
}
