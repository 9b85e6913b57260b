#!/bin/sh
# Hours of speech and music without the words of a model, from packages of Debian main.
#
# Usage: sh tools/negatives.sh FOLDER [PACKAGE ...]
#
# Downloads the packages with apt-get, unpacks them under FOLDER/packages without installing
# anything, and links their sounds, one folder a package, into FOLDER/train, FOLDER/validation or
# FOLDER/test: recipes reject the sounds in train, fit chooses a threshold on those in validation, and
#     motefit check MODEL --stream FOLDER
# is judged by those in test. FOLDER must be outside the repository: the sounds are under the GPL or
# CC BY-SA, and are not to be shipped with motefit. Needs apt-get (Debian, Ubuntu, Raspberry Pi OS)
# and 2 GB; "apt-get update" first. docs/data.md lists contents and licences.
set -eu

TEST="fillets-ng-data-cs fillets-ng-data-nl ktuberling-data festvox-ru asterisk-core-sounds-ru-wav \
asterisk-core-sounds-fr-wav"
VALIDATION="klettres-data colobot-common-sounds asterisk-core-sounds-es-wav asterisk-core-sounds-it-wav"
TRAIN="tuxpaint-stamps-default hedgewars-data"

[ $# -ge 1 ] || { sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
repository=$(cd "$(dirname "$0")/.." && pwd)
case "$folder/" in
"$repository"/*)
    echo "error: $folder is inside the repository; give a folder elsewhere, such as ../negatives" >&2
    exit 2
    ;;
esac
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || {
    echo "error: needs apt-get and dpkg-deb, of Debian or Ubuntu" >&2
    exit 2
}

wanted="$*"
missing=""
for package in ${wanted:-$TEST $VALIDATION $TRAIN}; do
    part=validation
    case " $TEST " in *" $package "*) part=test ;; esac
    case " $TRAIN " in *" $package "*) part=train ;; esac
    below="$folder/packages/$package"
    if [ ! -d "$below" ]; then
        mkdir -p "$folder/downloads" "$folder/packages"
        if ! (cd "$folder/downloads" && apt-get download -q "$package" >/dev/null 2>&1); then
            missing="$missing $package"
            continue
        fi
        rm -rf "$below.new"
        dpkg-deb -x "$folder/downloads/$package"_*.deb "$below.new"
        mv "$below.new" "$below"
    fi
    for set in train validation test; do rm -rf "${folder:?}/$set/$package"; done
    mkdir -p "$folder/$part/$package"
    find "$below" -type f \( -iname '*.wav' -o -iname '*.ogg' -o -iname '*.flac' \) | sort |
        while IFS= read -r sound; do
            name=$(printf '%s' "${sound#"$below"/}" | tr '/ ' '__')
            ln -sf "$sound" "$folder/$part/$package/$name"
        done
    count=$(find "$folder/$part/$package" -type l | wc -l)
    licence=$(sed -n 's/^License: *//p' "$below/usr/share/doc/$package/copyright" 2>/dev/null |
        sort | uniq -c | sort -rn | sed -n '1,3s/^ *[0-9]* *//p' | paste -sd, -)
    echo "$part: $package: $count sounds; licences by its copyright file: ${licence:-see the file}"
done
rmdir "$folder"/train/* "$folder"/validation/* "$folder"/test/* 2>/dev/null || true
if [ -n "$missing" ]; then
    echo "error: not found by apt-get:$missing; run apt-get update, and see that Debian main is among" \
        "the sources" >&2
    exit 1
fi
