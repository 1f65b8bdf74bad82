// Handles each message of a category in order, at least once: go run consumer.go CATEGORY [URL] [CHECKPOINT_FILE]
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Your handler. It may get the last messages again after a crash, so it must be idempotent.
func handle(m event) {
	fmt.Printf("%s@%d %s\n", m.Stream, m.Position, m.Type)
}

const silence = 15 * time.Second // The server sends a heartbeat every 4 seconds, so a stream silent for this long is dead.
const page = 1000

// Content of answers and events: messages, and the data of hello, reset and poke.
type event struct {
	Stream, Type, Epoch                  string
	Position, GlobalPosition, ReplayFrom int64
}

// Positions are valid only within one log, which the epoch identifies.
type checkpoint struct {
	Epoch string `json:"epoch"`
	Next  int64  `json:"next"`
}

type consumer struct {
	category, url, file string
	checkpoint
}

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		log.Fatal("usage: go run consumer.go CATEGORY [URL] [CHECKPOINT_FILE]")
	}
	args = append(args, []string{"", "http://localhost:8080", "checkpoint.json"}[len(args):]...)
	c := consumer{args[0], args[1], args[2], checkpoint{Next: 1}}
	if saved, err := os.ReadFile(c.file); err == nil {
		if err := json.Unmarshal(saved, &c.checkpoint); err != nil {
			log.Fatal(err)
		}
	}
	for {
		log.Print(c.follow())
		time.Sleep(500*time.Millisecond + rand.N(time.Second))
	}
}

// Reads a subscription until it ends. Pokewire's data is JSON in one line.
func (c *consumer) follow() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := time.AfterFunc(silence, cancel)
	defer timer.Stop()
	answer, err := c.get(ctx, "/subscribe", "hello", "true", "category", c.category)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var name string
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		timer.Reset(silence)
		field, value, _ := strings.Cut(lines.Text(), ":")
		if field == "event" {
			name = strings.TrimSpace(value)
		} else if field == "data" {
			if err := c.take(name, value); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("the subscription ended: %v", lines.Err())
}

func (c *consumer) take(name, data string) error {
	var e event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return err
	}
	switch {
	case name == "hello" && c.Next == 1:
		c.Epoch = e.Epoch
	case name == "reset":
		c.checkpoint = checkpoint{e.Epoch, e.ReplayFrom}
	case name == "poke" && e.GlobalPosition >= c.Next:
		return c.readOn()
	}
	return nil
}

func (c *consumer) readOn() error {
	for count := page; count == page; {
		ctx, cancel := context.WithTimeout(context.Background(), silence)
		defer cancel()
		answer, err := c.get(ctx, "/categories/"+url.PathEscape(c.category)+"/messages", "batchSize", fmt.Sprint(page))
		if err != nil {
			return err
		}
		var messages []event
		err = json.NewDecoder(answer.Body).Decode(&messages)
		answer.Body.Close()
		if err != nil {
			return err
		}
		for _, m := range messages {
			handle(m)
			c.Next = m.GlobalPosition + 1
		}
		saved, _ := json.Marshal(c.checkpoint)
		if err := os.WriteFile(c.file+".new", saved, 0o600); err != nil {
			return err
		}
		if err := os.Rename(c.file+".new", c.file); err != nil {
			return err
		}
		count = len(messages)
	}
	return nil
}

// Sends a GET that starts at the checkpoint.
func (c *consumer) get(ctx context.Context, path string, parameters ...string) (*http.Response, error) {
	query := url.Values{"position": {fmt.Sprint(c.Next)}}
	// The first read takes what there is. With the epoch it would fail if retention had deleted something.
	if c.Next > 1 {
		query.Set("epoch", c.Epoch)
	}
	for ; len(parameters) > 0; parameters = parameters[2:] {
		query.Set(parameters[0], parameters[1])
	}
	request, err := http.NewRequestWithContext(ctx, "GET", c.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	if token := os.Getenv("POKEWIRE_TOKEN"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil || answer.StatusCode == 200 {
		return answer, err
	}
	answer.Body.Close()
	switch answer.StatusCode {
	case 400, 401, 403, 404: // A wrong name or a missing token does not pass; another log (410) and too much load do.
		log.Fatal(answer.Status)
	}
	return nil, fmt.Errorf("%s", answer.Status)
}
