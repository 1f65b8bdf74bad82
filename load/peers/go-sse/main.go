// go-sse behind net/http: one provider, one session for each subscriber.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"

	"github.com/tmaxmax/go-sse"
)

var topics = []string{sse.DefaultTopic}

func main() {
	joe := &sse.Joe{}
	positions := map[string]int{}
	globalPosition := 0
	var mutex sync.Mutex

	http.HandleFunc("GET /subscribe", func(response http.ResponseWriter, request *http.Request) {
		session, err := sse.Upgrade(response, request)
		if err != nil {
			http.Error(response, err.Error(), http.StatusInternalServerError)
			return
		}
		// Without this, the response head would wait for the first event.
		if session.Flush() == nil {
			joe.Subscribe(request.Context(), sse.Subscription{Client: session, Topics: topics})
		}
	})
	http.HandleFunc("POST /streams/{stream}/messages", func(response http.ResponseWriter, request *http.Request) {
		var body struct {
			Type string          `json:"type"`
			Data json.RawMessage `json:"data"`
		}
		if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		stream := request.PathValue("stream")
		mutex.Lock()
		defer mutex.Unlock()
		globalPosition++
		message := &sse.Message{Type: sse.Type("poke"), ID: sse.ID(strconv.Itoa(globalPosition))}
		message.AppendData(fmt.Sprintf(`{"stream":"%s","position":%d,"globalPosition":%d}`, stream, positions[stream], globalPosition))
		positions[stream]++
		if err := joe.Publish(message, topics); err != nil {
			http.Error(response, err.Error(), http.StatusInternalServerError)
			return
		}
		response.Header().Set("content-type", "application/json")
		response.WriteHeader(http.StatusCreated)
		fmt.Fprintf(response, `{"globalPosition":%d}`, globalPosition)
	})

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stderr, "listening on", listener.Addr())
	panic(http.Serve(listener, nil))
}
