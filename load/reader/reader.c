/*
 * The load client: subscribers and writers of one server, or of the nodes of one log, in one epoll thread, on loopback.
 * Linux only.
 *
 *   reader PORT[,PORT…] PORT[,PORT…] SUBSCRIBE_PATH APPEND_PATH BODY ordered|unordered
 *
 * Subscribers use the first list of ports round robin, writers the second.
 *
 * Message n is appended to stream n % 1,000, as its message number n / 1,000, and has the global position n + 1: `{}` in
 * path and body is replaced by the number of the stream, `{position}` and `{globalPosition}` in the body by the positions.
 * Frames name stream and position, so each delivery is matched with its append, and its latency is measured separately.
 * `ordered`: global positions must rise on every connection.
 *
 * Reads one command per line and answers each with one line of JSON; ends at the end of its input.
 *
 *   connect COUNT                            adds this many subscribers, and waits until all have their response head
 *   publish CONNECTIONS PER_SECOND MS        appends for this time, and waits until every subscriber has every message.
 *                                            PER_SECOND 0: each writer waits for its answer, and sends the next
 *   leave                                    closes all subscribers
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include "connections.h"

enum { IN_FLIGHT = 256, MAX_EVENTS = 64, SILENCE_MS = 5000, COMMAND_MS = 50000, LIFETIME_S = 600 };

static int has_command;

/*
 * Reads the available data, and calls `next` for each writer that was answered. Returns the number of sockets it read.
 */
static int poll_once(int timeout_ms, void (*next)(struct writer *)) {
  struct epoll_event events[MAX_EVENTS];
  int count = epoll_wait(epoll_fd, events, MAX_EVENTS, timeout_ms);
  for (int at = 0; at < count; at++) {
    void *owner = events[at].data.ptr;
    if (!owner) has_command = 1;
    else if (owner >= (void *)writers && owner < (void *)(writers + MAX_WRITERS)) {
      if (read_writer(owner) && next) next(owner);
    } else if (((struct subscriber *)owner)->fd >= 0) read_subscriber(owner);
  }
  return count;
}

static void connect_subscribers(int count) {
  uint64_t start = now();
  int refused_before = refused, to = subscriber_count + count;
  if (to > MAX_SUBSCRIBERS) fail("too many subscribers");
  while (ready_count < to && now() - start < COMMAND_MS * 1000000ull) {
    while (subscriber_count < to && subscriber_count - ready_count < IN_FLIGHT) dial_subscriber();
    poll_once(1, NULL);
  }
  printf("{\"ms\":%.3f,\"refused\":%d}\n", (now() - start) / 1e6, refused - refused_before + to - ready_count);
}

static uint64_t publish_until;

static void append_next(struct writer *writer) {
  if (messages < MAX_MESSAGES && now() < publish_until) append(writer);
}

static void publish(int connections, double per_second, int duration_ms) {
  if (connections > MAX_WRITERS) fail("too many writers");
  while (writer_count < connections) dial_writer();
  uint64_t planned = per_second * duration_ms / 1e3, start = now(), before = messages, previous = start, busy = 0;
  int closed_before = closed, listening = 0;
  for (int at = 0; at < subscriber_count; at++) listening += subscribers[at].fd >= 0;
  first_message = messages;
  answered = failed = delivered = disordered = strange = 0;
  clear(&latencies), clear(&acknowledgements);
  last_delivery_at = start;
  publish_until = start + duration_ms * 1000000ull;
  for (int at = 0; at < connections && planned == 0; at++) append(&writers[at]);
  for (int was_busy = 1;;) {
    uint64_t time = now(), sent = messages - before;
    if (was_busy) busy += time - previous;
    previous = time;
    was_busy = 1;
    /* Follows the clock, whatever the server does: a slow server cannot slow its writers down. */
    if (sent < planned && time >= start + sent * 1e9 / per_second) {
      struct writer *writer = &writers[sent % connections];
      if (messages == MAX_MESSAGES || writer->sent - writer->answered == PENDING) break;
      append(writer);
    } else if (sent >= planned && time >= publish_until && answered == sent && delivered >= sent * listening) break;
    else if (time > publish_until && time - last_delivery_at > SILENCE_MS * 1000000ull) break;
    else if (time - start > COMMAND_MS * 1000000ull) break;
    /* Never sleeps here: a sleeping reader is woken by the server's writes, on the server's core and at its cost. */
    if (poll_once(0, planned == 0 ? append_next : NULL) == 0) was_busy = sent < messages - before;
  }
  uint64_t sent = messages - before;
  printf("{\"published\":%lu,\"answered\":%lu,\"failed\":%lu,\"deliveries\":%lu,\"lost\":%ld,\"disordered\":%lu,"
         "\"strange\":%lu,\"closed\":%d,\"seconds\":%.6f,\"busyShare\":%.4f,",
         sent, answered, failed, delivered, (long)(sent * listening - delivered), disordered, strange, closed - closed_before,
         (last_delivery_at - start) / 1e9, (double)busy / (now() - start));
  print_percentiles("latencyMs", &latencies);
  printf(",");
  print_percentiles("ackMs", &acknowledgements);
  printf("}\n");
}

static int obey(const char *command) {
  int connections, count, ms;
  double per_second;
  if (sscanf(command, "connect %d", &count) == 1) connect_subscribers(count);
  else if (sscanf(command, "publish %d %lf %d", &connections, &per_second, &ms) == 3) publish(connections, per_second, ms);
  else if (strncmp(command, "leave", 5) == 0) {
    for (int at = 0; at < subscriber_count; at++)
      if (subscribers[at].fd >= 0) leave(&subscribers[at]);
    subscriber_count = ready_count = 0;
    printf("{}\n");
  } else return 0;
  return fflush(stdout) == 0;
}

int main(int argument_count, char **arguments) {
  struct rlimit files;
  char command[256];
  if (argument_count != 7) return fprintf(stderr, "usage: reader PORTS PORTS SUBSCRIBE_PATH APPEND_PATH BODY ordered|unordered\n"), 2;
  alarm(LIFETIME_S);
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  subscribe_ports = ports_of(arguments[1]), append_ports = ports_of(arguments[2]);
  subscribe_path = arguments[3], append_path = arguments[4], body_template = arguments[5];
  is_ordered = strcmp(arguments[6], "ordered") == 0;
  subscribers = calloc(MAX_SUBSCRIBERS, sizeof *subscribers);
  sent_at = calloc(MAX_MESSAGES, sizeof *sent_at);
  epoll_fd = epoll_create1(0);
  watch(STDIN_FILENO, NULL);
  setvbuf(stdin, NULL, _IONBF, 0);
  for (;;) {
    poll_once(-1, NULL);
    if (!has_command) continue;
    has_command = 0;
    if (!fgets(command, sizeof command, stdin)) return 0;
    if (!obey(command)) return fprintf(stderr, "reader: unknown command %s", command), 2;
  }
}
