#compdef campanactl

_campanactl() {
    local -a found
    found=("${(@f)$(campanactl --completion-bash "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    found=("${(@)found:#}")
    if (( ${#found} )); then
        compadd -- "${found[@]}"
    else
        _files
    fi
}

if [[ $funcstack[1] == _campanactl ]]; then
    _campanactl "$@"
else
    compdef _campanactl campanactl
fi
