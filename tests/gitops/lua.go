package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// What a script may take.
const scriptTimeout = time.Second

// The table that a script returns, as JSON.
func encoded(script string, object *unstructured.Unstructured) ([]byte, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	if err := open(state); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), scriptTimeout)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("actionParams", state.NewTable())
	state.SetGlobal("obj", decoded(state, object.Object))
	if err := state.DoString(script); err != nil {
		var told *lua.ApiError
		if errors.As(err, &told) && told.Type == lua.ApiErrorRun {
			told.StackTrace = ""
		}
		return nil, err
	}
	returned := state.Get(-1)
	if returned.Type() != lua.LTTable {
		return nil, fmt.Errorf("expect table output from Lua script, not %s", returned.Type())
	}
	return luajson.Encode(returned)
}

// The libraries of every script: `package`, the base, `table`, and of `os` the time of day, which is required.
func open(state *lua.LState) error {
	libraries := []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}}
	for _, library := range libraries {
		call := lua.P{Fn: state.NewFunction(library.open), NRet: 0, Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return err
		}
	}
	// Argo CD has copied these two from the interpreter's library, which has more than a script may do.
	whole := lua.NewState()
	defer whole.Close()
	all := whole.GetGlobal(lua.OsLibName).(*lua.LTable)
	state.PreloadModule(lua.OsLibName, func(state *lua.LState) int {
		safe := state.NewTable()
		for _, name := range []string{"time", "date"} {
			function := all.RawGetString(name).(*lua.LFunction)
			safe.RawSetString(name, state.NewFunction(function.GFunction))
		}
		state.Push(safe)
		return 1
	})
	return nil
}

// Source: `decodeValue`.
func decoded(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case int64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		list := state.CreateTable(len(value), 0)
		for _, item := range value {
			list.Append(decoded(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for name, member := range value {
			table.RawSetH(lua.LString(name), decoded(state, member))
		}
		return table
	}
	return lua.LNil
}
