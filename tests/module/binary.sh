#!/bin/sh
# What the built file says of itself: binary.sh MODULE SOURCE_FOLDER. Names three functions, needs four libraries at most,
# is hardened, and stays mapped.
set -eu
module=$1
source=$2
fail() {
  echo "/binary/$1: $2" >&2
  exit 1
}
command -v readelf >/dev/null || { echo "skipped: no readelf"; exit 77; }

echo /binary/exports_are_the_three
exports=$(readelf --dyn-syms -W "$module" | awk '$5 ~ /GLOBAL|WEAK/ && $7 != "UND" && $4 ~ /FUNC|OBJECT/ {print $8}' | sed 's/@.*//' | sort)
expected="C_GetFunctionList
C_GetInterface
C_GetInterfaceList"
[ "$exports" = "$expected" ] || fail exports "$exports"
for list in exports.map exports.def; do
  [ "$(grep -o 'C_[A-Za-z]*' "$source/$list" | sort)" = "$expected" ] || fail exports "$list has other names"
done

echo /binary/needs_no_more_than_it_may
for library in $(readelf -d -W "$module" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
  case $library in
  libc.so.* | libp11-kit.so.* | ld-linux* | libpthread.so.* | libdl.so.*) ;;
  *) fail needed "$library" ;;
  esac
done

echo /binary/calls_nothing_it_must_not
for symbol in $(readelf --dyn-syms -W "$module" | awk '$7 == "UND" {print $8}' | sed 's/@.*//'); do
  case $symbol in
  pthread_create | pthread_key_create | fork | vfork | execv* | system | popen | socket | connect | \
    getaddrinfo | printf | puts | signal | sigaction | setenv | putenv | mlock*)
    fail calls "$symbol" ;;
  esac
done

echo /binary/is_hardened_and_stays
dynamic=$(readelf -d -W "$module")
headers=$(readelf -lW "$module")
for flag in BIND_NOW NODELETE SYMBOLIC; do
  echo "$dynamic" | grep -q "$flag" || fail flags "no $flag"
done
echo "$dynamic" | grep -Eq 'TEXTREL|RPATH|RUNPATH' && fail flags "text relocations or a search path"
echo "$headers" | grep -q GNU_RELRO || fail flags "no relro"
echo "$headers" | grep GNU_STACK | grep -q 'RW ' || fail flags "executable stack"
echo "$headers" | awk '$1 == "LOAD"' | grep -q 'RWE' && fail flags "memory that is writable and executable"
exit 0
