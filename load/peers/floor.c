/*
 * The floor without batching: epoll, one thread, one send for each subscriber and poke. Linux only. With the argument
 * `nagle` the kernel may delay a small write while the peer has not acknowledged the previous one.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FD = 65536, MAX_EVENTS = 512, REQUEST_BYTES = 4096, MAX_STREAMS = 65536 };

static int subscribers[MAX_FD], subscriber_count, place[MAX_FD];
static char *request[MAX_FD]; /* bytes of an incomplete request; NULL for subscribers */
static int request_length[MAX_FD];
static long global_position, position[MAX_STREAMS];

static const char head[] =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\nconnection: close\r\n\r\n: ready\n\n";

static void leave(int fd) {
  if (place[fd] >= 0) {
    int last = subscribers[--subscriber_count];
    subscribers[place[fd]] = last;
    place[last] = place[fd];
    place[fd] = -1;
  }
  free(request[fd]);
  request[fd] = NULL;
  close(fd);
}

static void publish(const char *stream, int length) {
  char frame[512];
  const char *hyphen = memchr(stream, '-', length);
  int number = hyphen ? atoi(hyphen + 1) % MAX_STREAMS : 0;
  global_position++;
  int bytes = snprintf(frame, sizeof frame,
                       "event: poke\ndata: {\"stream\":\"%.*s\",\"position\":%ld,\"globalPosition\":%ld}\nid: %ld\n\n", length,
                       stream, position[number]++, global_position, global_position);
  /* A subscriber whose socket is full is disconnected: a floor queues nothing. */
  for (int at = subscriber_count - 1; at >= 0; at--)
    if (send(subscribers[at], frame, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) != bytes) leave(subscribers[at]);
}

/* Handles one complete request; returns its length, or 0 if it is incomplete. */
static int handle(int fd) {
  char *text = request[fd];
  text[request_length[fd]] = 0;
  char *end = strstr(text, "\r\n\r\n");
  if (!end) return 0;
  char *field = strcasestr(text, "\r\ncontent-length:");
  int body = field && field < end ? atoi(field + 17) : 0;
  int length = (int)(end - text) + 4 + body;
  if (length > request_length[fd]) return 0;
  if (memcmp(text, "GET", 3) == 0) {
    place[fd] = subscriber_count;
    subscribers[subscriber_count++] = fd;
    send(fd, head, sizeof head - 1, MSG_NOSIGNAL);
    free(request[fd]);
    request[fd] = NULL;
    return length;
  }
  char *stream = text + strlen("POST /streams/");
  publish(stream, (int)strcspn(stream, "/ "));
  char answer[256], json[64];
  int json_length = snprintf(json, sizeof json, "{\"globalPosition\":%ld}", global_position);
  int answer_length = snprintf(answer, sizeof answer,
                               "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s",
                               json_length, json);
  send(fd, answer, answer_length, MSG_NOSIGNAL);
  return length;
}

static void receive(int fd) {
  char ignored[256];
  if (!request[fd]) {
    if (recv(fd, ignored, sizeof ignored, 0) <= 0) leave(fd);
    return;
  }
  int got = recv(fd, request[fd] + request_length[fd], REQUEST_BYTES - 1 - request_length[fd], 0);
  if (got <= 0) {
    leave(fd);
    return;
  }
  request_length[fd] += got;
  int done;
  while (request[fd] && request_length[fd] > 0 && (done = handle(fd)) > 0) {
    if (!request[fd]) return;
    memmove(request[fd], request[fd] + done, request_length[fd] - done);
    request_length[fd] -= done;
  }
}

int main(int count_of_arguments, char **arguments) {
  (void)arguments;
  int no_delay = count_of_arguments == 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  memset(place, -1, sizeof place);
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) return perror("listen"), 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
  fprintf(stderr, "listening on :%d\n", ntohs(address.sin_port));
  struct epoll_event events[MAX_EVENTS];
  for (;;) {
    int count = epoll_wait(poll, events, MAX_EVENTS, -1);
    for (int at = 0; at < count; at++) {
      int fd = events[at].data.fd;
      if (fd != listener) {
        receive(fd);
        continue;
      }
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FD) {
          close(fd);
          continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
        request[fd] = malloc(REQUEST_BYTES);
        request_length[fd] = 0;
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
      }
    }
  }
}
