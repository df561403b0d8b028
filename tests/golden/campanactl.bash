_campanactl() {
    local IFS=$'\n'
    local words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    local cur=${COMP_WORDS[COMP_CWORD]}
    # Bash splits at equal signs; put the word together again.
    local line=${COMP_LINE:0:COMP_POINT} last
    last=${line##*[[:space:]]}
    if [[ $last == --*=* ]]; then
        local count=${#words[@]}
        local drop=1
        [[ $cur != = ]] && drop=2
        words=("${words[@]:0:count-drop-1}" "$last")
    fi
    COMPREPLY=($(campanactl --completion-bash "${words[@]}" 2>/dev/null))
    if [[ $last == --*=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#*=}")
    fi
}
complete -o default -F _campanactl campanactl
