// What GitOps tools conclude from objects and do to them, by the tools' own libraries: one question per run, named by
// the argument, with its JSON on standard input and the answer's on standard output.
//
// `tests/support/gitops_program.rs` builds and asks it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// The questions, each with how its JSON is answered.
var questions = map[string]func([]byte) (any, error){
	"kstatus":      kstatusOf,
	"flux-health":  fluxHealth,
	"flux-apply":   fluxApply,
	"flux-wait":    fluxWait,
	"flux-prune":   fluxPrune,
	"argo-health":  argoHealth,
	"argo-script":  argoScript,
	"argo-actions": argoActions,
	"argo-act":     argoAct,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 1 || questions[arguments[0]] == nil {
		return errors.New("the one argument is no question")
	}
	var asked json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return fmt.Errorf("standard input is no JSON: %w", err)
	}
	answer, err := questions[arguments[0]](asked)
	if err != nil {
		return fmt.Errorf("%s: %w", arguments[0], err)
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}
