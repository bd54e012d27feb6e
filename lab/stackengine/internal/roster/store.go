package roster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// State is what a node keeps over restarts.
type State struct {
	ID     string `json:"id"`
	Roster Roster `json:"roster"`
}

// Store keeps a State in one file of the data folder.
type Store struct{ path string }

// Open makes the data folder if needed.
func Open(folder string) (Store, error) {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return Store{}, fmt.Errorf("data folder: %w", err)
	}
	return Store{filepath.Join(folder, "state.json")}, nil
}

// Load returns the state; false when this data folder is new.
func (s Store) Load() (State, bool, error) {
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, false, nil
	}
	if err != nil {
		return State{}, false, fmt.Errorf("state: %w", err)
	}
	var state State
	if err := json.Unmarshal(text, &state); err != nil {
		return State{}, false, fmt.Errorf("%s is damaged: %w", s.path, err)
	}
	return state, true, nil
}

// Save replaces the file in one step; after a power cut it holds the old or the new state, never half of one.
func (s Store) Save(state State) error {
	text, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(s.path), ".state-*")
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), s.path)
	}
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}
