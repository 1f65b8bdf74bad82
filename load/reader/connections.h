/* Subscribers and writers, one socket each, and the measurements for them. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "histogram.h"

enum {
  MAX_SUBSCRIBERS = 20000, MAX_WRITERS = 256, MAX_MESSAGES = 1 << 22, STREAMS = 1000,
  LINE_BYTES = 512, READ_BYTES = 1 << 18, REQUEST_BYTES = 8192, PENDING = 4096, MAX_PORTS = 16,
};

struct subscriber {
  int fd; /* -1: closed */
  enum { WAITING, REFUSED, LISTENING } state;
  int rest; /* bytes of an incomplete line */
  char line[LINE_BYTES];
  uint64_t last_global_position;
};

struct writer {
  int fd;
  int port;
  int length;
  char answer[REQUEST_BYTES];
  /* Messages that wait for their answers, in a ring. */
  uint32_t pending[PENDING];
  uint32_t sent, answered;
};

/* The nodes, used round robin. */
struct ports {
  int count;
  int at[MAX_PORTS];
};

static struct subscriber *subscribers;
static struct writer writers[MAX_WRITERS];
static int subscriber_count, writer_count, ready_count, refused, closed, epoll_fd, is_ordered;
static struct ports subscribe_ports, append_ports;
static const char *subscribe_path, *append_path, *body_template;
static char bytes[LINE_BYTES + READ_BYTES];
static uint64_t *sent_at; /* nanoseconds, by message */
static uint64_t messages, first_message, answered, failed, delivered, disordered, strange, last_delivery_at;
static struct histogram latencies, acknowledgements;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "reader: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void watch(int fd, void *owner) {
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = owner})) fail("epoll_ctl");
}

static int dial(void *owner, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  /* Closes with a reset, so that no port stays in TIME_WAIT. */
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  watch(fd, owner);
  return fd;
}

static struct ports ports_of(const char *list) {
  struct ports ports = {0};
  for (; list && ports.count < MAX_PORTS; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL) ports.at[ports.count++] = atoi(list);
  return ports;
}

static void dial_writer(void) {
  struct writer *one = &writers[writer_count];
  one->port = append_ports.at[writer_count++ % append_ports.count];
  one->fd = dial(one, one->port);
}

static void dial_subscriber(void) {
  struct subscriber *one = &subscribers[subscriber_count++];
  char request[REQUEST_BYTES];
  int port = subscribe_ports.at[(subscriber_count - 1) % subscribe_ports.count];
  *one = (struct subscriber){.fd = dial(one, port)};
  int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n",
                        subscribe_path, port);
  if (send(one->fd, request, length, MSG_NOSIGNAL) != length) fail("subscribe");
}

static uint64_t digits_behind(const char **at, const char *end, char mark) {
  const char *digit = memchr(*at, mark, end - *at);
  uint64_t value = 0;
  if (!digit) return *at = end, 0;
  for (digit++; digit < end && *digit >= '0' && *digit <= '9'; digit++) value = value * 10 + (*digit - '0');
  *at = digit;
  return value;
}

/* Centrifugo sends its own events as greetings and pings. */
static int is_of_centrifugo(const char *data, const char *end) {
  if (data < end && *data == ' ') data++;
  static const char greeting[] = "{\"connect\":";
  size_t length = sizeof greeting - 1;
  int is_ping = end - data == 2 && memcmp(data, "{}", 2) == 0;
  return is_ping || ((size_t)(end - data) > length && memcmp(data, greeting, length) == 0);
}

/* {"stream":"account-17","position":3,"globalPosition":3018}, alone or inside another server's envelope. */
static void take_poke(struct subscriber *one, const char *line, const char *end, uint64_t time) {
  const char *data = line;
  uint64_t stream = digits_behind(&data, end, '-');
  uint64_t position = digits_behind(&data, end, ':');
  uint64_t global_position = digits_behind(&data, end, ':');
  uint64_t message = position * STREAMS + stream;
  if (global_position == 0 || stream >= STREAMS || message >= messages) {
    if (!is_of_centrifugo(line + 5, end)) strange++;
    return;
  }
  if (is_ordered && global_position <= one->last_global_position) disordered++;
  one->last_global_position = global_position;
  /* A subscriber that connected late receives the earlier log first. */
  if (message < first_message) return;
  delivered++;
  note(&latencies, time - sent_at[message]);
}

/* Only data lines count, so that chunks, comments and other fields make no difference. */
static void take_line(struct subscriber *one, const char *line, const char *end, uint64_t time) {
  if (one->state == LISTENING) {
    if (end - line > 5 && memcmp(line, "data:", 5) == 0) take_poke(one, line, end, time);
  } else if (one->state == WAITING && end - line > 12 && memcmp(line, "HTTP/1.1 ", 9) == 0) {
    if (memcmp(line + 9, "200", 3) == 0) return;
    one->state = REFUSED;
    ready_count++;
    if (refused++ == 0) fprintf(stderr, "reader: subscriber got %.*s\n", (int)(end - line), line);
  } else if (one->state == WAITING && (end == line || *line == '\r')) {
    one->state = LISTENING;
    ready_count++;
  }
}

static void leave(struct subscriber *one) {
  if (one->state == WAITING) ready_count++, refused++;
  close(one->fd);
  one->fd = -1;
}

static void read_subscriber(struct subscriber *one) {
  int got = recv(one->fd, bytes + LINE_BYTES, READ_BYTES, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    closed++;
    leave(one);
    return;
  }
  uint64_t time = last_delivery_at = now();
  char *end = bytes + LINE_BYTES + got, *line = bytes + LINE_BYTES - one->rest, *line_end;
  memcpy(line, one->line, one->rest);
  for (; (line_end = memchr(line, '\n', end - line)); line = line_end + 1) take_line(one, line, line_end, time);
  one->rest = end - line;
  if (one->rest > LINE_BYTES) strange++, one->rest = 0;
  memcpy(one->line, line, one->rest);
}

static int fill(char *target, int capacity, const char *text, uint64_t message) {
  int at = 0;
  while (*text && at < capacity - 32) {
    if (strncmp(text, "{}", 2) == 0) at += sprintf(target + at, "%d", (int)(message % STREAMS)), text += 2;
    else if (strncmp(text, "{position}", 10) == 0) at += sprintf(target + at, "%lu", message / STREAMS), text += 10;
    else if (strncmp(text, "{globalPosition}", 16) == 0) at += sprintf(target + at, "%lu", message + 1), text += 16;
    else target[at++] = *text++;
  }
  target[at] = 0;
  return at;
}

static void append(struct writer *writer) {
  char path[REQUEST_BYTES / 4], body[REQUEST_BYTES / 4], request[REQUEST_BYTES];
  fill(path, sizeof path, append_path, messages);
  int body_length = fill(body, sizeof body, body_template, messages);
  int length = snprintf(request, sizeof request,
                        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                        path, writer->port, body_length, body);
  writer->pending[writer->sent++ % PENDING] = messages;
  sent_at[messages++] = now();
  if (send(writer->fd, request, length, MSG_NOSIGNAL) != length) fail("append");
}

/* The length of the first complete answer, 0 if it is incomplete. */
static int answer_length(const struct writer *writer) {
  const char *head_end = strstr(writer->answer, "\r\n\r\n"), *field;
  if (!head_end) return 0;
  int head = head_end + 4 - writer->answer;
  if ((field = strcasestr(writer->answer, "\r\ncontent-length:")) && field < head_end) {
    int length = head + atoi(field + 17);
    return length <= writer->length ? length : 0;
  }
  if (!(field = strcasestr(writer->answer, "\r\ntransfer-encoding: chunked")) || field > head_end) return head;
  const char *last_chunk = strstr(head_end, "\r\n0\r\n\r\n");
  return last_chunk ? last_chunk + 7 - writer->answer : 0;
}

/* Returns the number of answers received. */
static int read_writer(struct writer *writer) {
  int got = recv(writer->fd, writer->answer + writer->length, REQUEST_BYTES - 1 - writer->length, 0), length, count = 0;
  if (got < 0 && errno == EAGAIN) return 0;
  if (got <= 0) fail("the server closed a writer's connection");
  writer->length += got;
  writer->answer[writer->length] = 0;
  for (; (length = answer_length(writer)) > 0; count++) {
    if (writer->answer[9] != '2' && failed++ == 0) fprintf(stderr, "reader: append got %.200s\n", writer->answer);
    note(&acknowledgements, now() - sent_at[writer->pending[writer->answered++ % PENDING]]);
    answered++;
    writer->length -= length;
    memmove(writer->answer, writer->answer + length, writer->length + 1);
  }
  return count;
}
