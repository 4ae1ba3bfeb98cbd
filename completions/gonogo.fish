complete --keep-order --exclusive --command gonogo --arguments "(GONOGO_COMPLETE=fish gonogo -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
