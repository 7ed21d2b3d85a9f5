package emulator_test

// The emulator from Go: start the binary once, and give each test a key of its own. Standard library only.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Emulator is a running `sessionwire emulator`.
type Emulator struct {
	URL          string `json:"url"`
	ControlURL   string `json:"control_url"`
	ControlToken string `json:"control_token"`
}

var emulator Emulator

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

// run starts the emulator, runs the tests, and ends it.
func run(m *testing.M) int {
	binary := os.Getenv("SESSIONWIRE")
	if binary == "" {
		binary = "sessionwire"
	}
	process := exec.Command(binary, "emulator", "--control", "--json", "--browser", "builtin", "--end-with-stdin")
	process.Stderr = os.Stderr
	output, err := process.StdoutPipe()
	// It ends when this pipe closes: also when a time limit of `go test`, or somebody, kills this process.
	input, failed := process.StdinPipe()
	if err == nil {
		err = failed
	}
	if err == nil {
		err = process.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "The emulator did not start. Install sessionwire, or name its binary in SESSIONWIRE:", err)
		return 1
	}
	defer func() {
		_ = input.Close()
		_ = process.Wait()
	}()
	// The first line says where it listens.
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &emulator)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "The emulator did not say where it listens:", err)
		return 1
	}
	return m.Run()
}

// World is what belongs to one API key: scenario, faults, requests, webhooks.
type World struct {
	Key string `json:"key"`
	t   *testing.T
}

// NewWorld makes a world for a test, and ends it with the test. The test fails where a task fits no entry of the scenario, and
// where a fault or a `once` entry was never needed; if it fails, it shows what happened.
func NewWorld(t *testing.T, scenario string) *World {
	t.Helper()
	world := &World{t: t}
	world.Control("POST", "/worlds", map[string]any{"scenario": scenario, "clock": "fast", "unmatched": "error"}, world)
	t.Cleanup(func() {
		var left struct{ Unmatched, Unused []string }
		world.Control("GET", "/unplayed", nil, &left)
		for _, problem := range append(left.Unmatched, left.Unused...) {
			t.Error(problem)
		}
		if t.Failed() {
			t.Log(world.Control("GET", "/timeline?format=text", nil, nil))
		}
		world.Control("DELETE", "/world", nil, nil)
	})
	return world
}

// Control sends a request to the control API; what it answers is put into `into`, and given as text.
func (w *World) Control(method, path string, body, into any) string {
	w.t.Helper()
	headers := http.Header{"Authorization": {"Bearer " + emulator.ControlToken}}
	if w.Key != "" {
		headers.Set("X-Emulator-Key", w.Key)
	}
	status, answer := send(w.t, method, emulator.ControlURL+path, headers, body)
	if status >= 300 {
		var refusal struct{ Detail string }
		_ = json.Unmarshal(answer, &refusal)
		w.t.Fatalf("%s %s: %d %s", method, path, status, refusal.Detail)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, path, err, answer)
		}
	}
	return string(answer)
}

// Fail injects a fault, such as `create status=503`.
func (w *World) Fail(fault string) {
	w.t.Helper()
	w.Control("POST", "/faults", fault, nil)
}

// Request is a request that the emulator received.
type Request struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Body   string `json:"body"`
	Status int    `json:"status"`
}

// WaitForRequests waits for requests that fit the filter, for as many as its `count` says, and gives them.
func (w *World) WaitForRequests(filter map[string]any) []Request {
	w.t.Helper()
	var found struct {
		Requests []Request `json:"requests"`
	}
	w.Control("POST", "/requests/wait", filter, &found)
	return found.Requests
}

// Attempt is an attempt to deliver a webhook.
type Attempt struct {
	Event   string `json:"event"`
	Attempt int    `json:"attempt"`
	Outcome string `json:"outcome"`
	Body    string `json:"body"`
}

// WaitForWebhook waits for a webhook that fits, and gives the attempts to deliver it.
func (w *World) WaitForWebhook(filter map[string]any) []Attempt {
	w.t.Helper()
	var found struct {
		Attempts []Attempt `json:"attempts"`
	}
	w.Control("POST", "/webhooks/wait", filter, &found)
	return found.Attempts
}

// Call sends a request to the service with the key of the world, as the program under test does.
func (w *World) Call(method, path string, body any) (int, map[string]any) {
	w.t.Helper()
	headers := http.Header{"Authorization": {"Bearer " + w.Key}}
	status, answer := send(w.t, method, emulator.URL+"/v1"+path, headers, body)
	var value map[string]any
	_ = json.Unmarshal(answer, &value)
	return status, value
}

// send sends a text as it is, and anything else as JSON.
func send(t *testing.T, method, url string, headers http.Header, body any) (int, []byte) {
	t.Helper()
	var content io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		content = bytes.NewBufferString(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = headers
	if _, isText := body.(string); body != nil && !isText {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}
