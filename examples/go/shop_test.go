package emulator_test

// Ten tests of a shop's agent, all at once on one emulator: each has its scenario, its fault, its requests and its webhook.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// receiver takes webhooks and gives their bodies.
func receiver(t *testing.T) (string, <-chan map[string]any) {
	t.Helper()
	bodies := make(chan map[string]any, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		var body map[string]any
		if json.Unmarshal(text, &body) == nil {
			bodies <- body
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	return server.URL, bodies
}

// next gives the next webhook of this event.
func next(t *testing.T, bodies <-chan map[string]any, event string) map[string]any {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case body := <-bodies:
			if body["event"] == event {
				return body
			}
		case <-late:
			t.Fatalf("the webhook %s did not come", event)
		}
	}
}

// buy is the program under test: it creates a session, trying once more after a 503, and sends a task.
func buy(t *testing.T, world *World, task, webhook string) string {
	t.Helper()
	create := map[string]any{"agent_name": "agi-0", "webhook_url": webhook}
	status, session := world.Call("POST", "/sessions", create)
	if status == http.StatusServiceUnavailable {
		status, session = world.Call("POST", "/sessions", create)
	}
	if status != http.StatusOK {
		t.Fatalf("create: %d %v", status, session)
	}
	id := session["session_id"].(string)
	if status, answer := world.Call("POST", "/sessions/"+id+"/message", map[string]any{"message": task}); status != 200 {
		t.Fatalf("message: %d %v", status, answer)
	}
	return id
}

func TestShop(t *testing.T) {
	for number := 1; number <= 10; number++ {
		number := number
		t.Run(fmt.Sprintf("order %d", number), func(t *testing.T) {
			t.Parallel()
			colour := fmt.Sprintf("colour-%d", number)
			world := NewWorld(t, fmt.Sprintf(`
tasks:
  - match: mug
    steps:
      - thought: Looking for mugs
      - delay: 3600
      - question: Which colour?
      - done: {order: %d, colour: "{answer}"}
`, number))
			world.Fail("create status=503")
			url, webhooks := receiver(t)

			id := buy(t, world, fmt.Sprintf("Buy mug %d", number), url)

			// The agent asks; the program answers.
			question := next(t, webhooks, "task.question")
			if question["question"] != "Which colour?" {
				t.Fatalf("it asked %v", question)
			}
			world.Call("POST", "/sessions/"+id+"/message", map[string]any{"message": colour})
			next(t, webhooks, "task.completed")

			// What the agent found is this test's own.
			_, answer := world.Call("GET", "/sessions/"+id+"/messages", nil)
			messages := answer["messages"].([]any)
			last := messages[len(messages)-1].(map[string]any)["content"].(map[string]any)
			if last["colour"] != colour || last["order"] != float64(number) {
				t.Fatalf("the result is %v", last)
			}

			// One create was refused, one went through, and nobody else's are here. The answer was sent once.
			for status, count := range map[int]int{503: 1, 200: 1} {
				world.WaitForRequests(map[string]any{"method": "POST", "path": "/v1/sessions", "status": status, "count": count})
			}
			world.WaitForRequests(map[string]any{"json": map[string]any{"message": colour}, "count": 1})
			world.WaitForRequests(map[string]any{"method": "DELETE", "count": 0, "timeout": 0})
			world.WaitForWebhook(map[string]any{"event": "task.completed", "outcome": "webhook_delivered", "count": 1})
		})
	}
}
