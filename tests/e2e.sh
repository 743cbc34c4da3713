#!/bin/sh
# End to end: starts the real program in a real window, opens a CSV through the real file dialog, trains, takes a
# screenshot, saves, and checks what was saved.
#
#     tests/e2e.sh [SCREENSHOT.png]
#
# Needs Xvfb, xdotool, zenity and ImageMagick (`.ci/run` installs them) and the release build (`cargo build --release`).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
program="$root/target/release/chainrule"
shot=${1:-$root/target/e2e.png}
work=$(mktemp -d)
export HOME="$work/home" XDG_RUNTIME_DIR="$work/run" LIBGL_ALWAYS_SOFTWARE=1 GTK_A11Y=none
mkdir -p "$HOME" "$XDG_RUNTIME_DIR"

server=
app=
finish() {
    status=$?
    [ -z "$app" ] || kill "$app" 2>/dev/null || true
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ "$status" = 0 ] || cat "$work/log" 2>/dev/null || true
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT INT TERM

fail() {
    echo "e2e: $1" >&2
    import -window root "$shot" 2>/dev/null || true
    exit 1
}

# Repeats a command until it succeeds: every 0.1 s for up to 60 s.
until_ok() {
    what=$1
    shift
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "in vain for: $what"
        sleep 0.1
    done
}

display() { [ -s "$work/display" ]; }
window() { xdotool search --onlyvisible --name "$1" >"$work/found" 2>/dev/null && [ -s "$work/found" ]; }
no_window() { ! window "$1"; }
focus() {
    window "$1" && xdotool windowfocus --sync "$(head -n 1 "$work/found")" 2>/dev/null
}
drawn() { [ "$(import -window root -depth 8 png:- | identify -format %k -)" -gt 200 ]; }

Xvfb -displayfd 3 -screen 0 1280x800x24 3>"$work/display" 2>/dev/null &
server=$!
until_ok "a display" display
DISPLAY=":$(cat "$work/display")"
export DISPLAY

# Three kinds of fruit that weight and length tell apart.
awk 'BEGIN {
    srand(7); print "weight,length,fruit"
    for (i = 0; i < 150; i++) {
        k = i % 3
        printf "%.2f,%.2f,%s\n", 3 * k + rand(), 4 * (k % 2) + rand(), k == 0 ? "apple" : k == 1 ? "pear" : "plum"
    }
}' >"$work/fruit.csv"
# A preset that keeps its run, so that saving shows how far training has come.
"$program" train circle --epochs 1 --save "$work/work.json" >"$work/log"

begun=$(date +%s%N)
"$program" "$work/work.json" >"$work/log" 2>&1 &
app=$!
until_ok "the first frame" drawn
echo "e2e: first frame seen after $((($(date +%s%N) - begun) / 1000000)) ms"
until_ok "the window" focus "Chainrule"

xdotool key ctrl+shift+o
until_ok "the file dialog" focus "zenity"
# A slash opens the dialog's field for a path; letters that come before it is there are lost, so it is written anew.
type_path() {
    no_window "zenity" && return
    focus "zenity" || return
    xdotool key slash
    sleep 0.5
    xdotool key ctrl+a
    xdotool type --delay 40 "$work/fruit.csv"
    xdotool key Return
    sleep 1
    no_window "zenity"
}
until_ok "the dialog to close" type_path
until_ok "the window" focus "Chainrule"

# Saves again and again until what is asked for stands in the file.
saved() {
    xdotool key ctrl+s
    grep -q "$1" "$work/work.json"
}
# The file is looked at first; Enter takes it, and is pressed until it has.
taken() {
    xdotool key Return
    sleep 0.3
    saved '"path": "fruit.csv"'
}
until_ok "the table" taken
# Space trains: 200 epochs, as for all tables where nobody said how many. A key that comes before the trainer has the table does
# nothing, so it is pressed until the saved run has left its beginning.
xdotool key ctrl+3
begun() {
    xdotool key space
    sleep 1
    xdotool key ctrl+s
    sleep 1
    grep -q '"steps": [1-9]' "$work/work.json"
}
until_ok "training to begin" begun
until_ok "200 epochs" saved '"epoch": 200,'
import -window root "$shot"

xdotool key ctrl+q
until_ok "the program to end" sh -c "! kill -0 $app 2>/dev/null"
wait "$app" || fail "the program ended with an error"
app=

# What the window trained is good, and the headless program reads it.
"$program" predict "$work/work.json" --data "$work/fruit.csv" --out "$work/out.csv" >"$work/log" 2>&1
right=$(paste -d, "$work/fruit.csv" "$work/out.csv" | awk -F, 'NR > 1 && $3 == $5' | wc -l)
[ "$right" -ge 145 ] || fail "only $right of 150 rows are predicted correctly"
echo "e2e: $right of 150 rows predicted correctly; screenshot in $shot"
