# Runs one scratch cluster: creates it, starts it, waits for it, removes it. Our own standard input is a pipe whose
# other end only the owner holds: when it closes, because the owner asked for the end or died in whatever way, the
# server is stopped and its folder removed. No signal tied to a thread, no unsafe code, no process number guessed.
#
# Arguments: folder of the cluster, folder of the programs, locale, then the options of the server.
folder=$1 bin=$2 locale=$3
shift 3
exec 3<&0 </dev/null >"$folder/log" 2>&1

"$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale="$locale" --no-sync || exit
"$bin/postgres" -D "$folder/data" -k "$folder" "$@" 3<&- &
server=$!

# Whoever ends the server on purpose leaves a mark; without it the server failed, and its log is for the owner to read.
# The signal is repeated: a shell starts its background programs with SIGQUIT ignored, so that it is lost on a server
# that has not come so far as to handle it.
stop() {
    : >"$folder/stop"
    while kill -QUIT "$server" 2>/dev/null; do
        sleep 0.1 || sleep 1
    done
}
# In the background, since only we can reap the server, and until then it can be signalled.
trap 'stop &' HUP INT TERM
(
    trap - HUP INT TERM
    read -r _ <&3
    stop
) &
watcher=$!

# A trapped signal ends the first wait early; then the second one waits for the end.
wait "$server"
wait "$server"
if [ -e "$folder/stop" ]; then
    rm -rf "$folder"
else
    kill "$watcher"
    exit 1
fi
