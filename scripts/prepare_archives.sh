#!/usr/bin/env bash
# Prepares every archive of the study that is there: prepare_archives.sh CIFAKE_KERAS ARCHIVES DATA
# Names looked for: archive.zip (CIFAKE as Kaggle has it), tiny-imagenet-200.zip, and a zip a generator.
set -euo pipefail
command=$1 archives=$2 data=$3

prepare() {
    local file source=$2
    file=$(find -L "$archives" -name "$1" -print -quit)
    if [ -z "$file" ]; then
        echo "no $1 below $archives: going on without it" >&2
        return
    fi
    "$command" data prepare "$source" --from "$file" --data-dir "$data" "${@:3}"
}

[ -d "$archives" ] || { echo "There is no folder $archives; docs/study.md tells what it is to hold." >&2; exit 2; }
prepare archive.zip cifake
prepare tiny-imagenet-200.zip tiny_imagenet
prepare sd-v1-5.zip image_folder --generator SDv1.5
prepare if-v1.zip image_folder --generator IFv1
prepare sd-v2-1.zip image_folder --generator SDv2.1
prepare cogview2.zip image_folder --generator CogView2
