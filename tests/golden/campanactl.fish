function __campanactl_complete
    set -l words (commandline -opc) (commandline -ct)
    campanactl --completion-bash $words[2..-1] 2>/dev/null
end
complete -c campanactl -a '(__campanactl_complete)'
