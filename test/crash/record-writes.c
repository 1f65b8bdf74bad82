// Records the writes of a process to files whose path begins with RECORD_PREFIX, and when it syncs them, in RECORD_TO.
// Loaded by LD_PRELOAD. A record: operation, length of the path, length of the data, offset, path, data.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { maxFiles = 4096, maxPath = 512 };

static char paths[maxFiles][maxPath];
static int log_fd = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int is_recorded(const char *path) {
  const char *prefix = getenv("RECORD_PREFIX");
  size_t length = strlen(path);
  if (prefix == NULL || strncmp(path, prefix, strlen(prefix)) != 0 || length >= maxPath) return 0;
  // The index of the write-ahead log is shared memory, and is rebuilt from the log.
  return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

static void record(char operation, const char *path, uint64_t offset, const void *data, uint32_t length) {
  struct __attribute__((packed)) {
    char operation;
    uint16_t path_length;
    uint32_t length;
    uint64_t offset;
  } head = {operation, (uint16_t)strlen(path), length, offset};
  struct iovec parts[] = {{&head, sizeof head}, {(void *)path, head.path_length}, {(void *)data, length}};
  pthread_mutex_lock(&lock);
  if (log_fd == -1) log_fd = (int)syscall(SYS_openat, AT_FDCWD, getenv("RECORD_TO"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (syscall(SYS_writev, log_fd, parts, 3) < 0) abort();
  pthread_mutex_unlock(&lock);
}

static const char *path_of(int fd) { return fd >= 0 && fd < maxFiles && paths[fd][0] != '\0' ? paths[fd] : NULL; }

static int opened(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= maxFiles) return fd;
  paths[fd][0] = '\0';
  if (!is_recorded(path)) return fd;
  strcpy(paths[fd], path);
  if (flags & O_CREAT) record('c', path, 0, NULL, 0);
  if (flags & O_TRUNC) record('t', path, 0, NULL, 0);
  return fd;
}

#define OPENS(name)                                                          \
  int name(const char *path, int flags, ...) {                               \
    va_list rest;                                                            \
    va_start(rest, flags);                                                   \
    mode_t mode = (mode_t)va_arg(rest, int);                                 \
    va_end(rest);                                                            \
    return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode), path, flags); \
  }
OPENS(open)
OPENS(open64)

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int close(int fd) {
  if (fd >= 0 && fd < maxFiles) paths[fd][0] = '\0';
  return REAL(close)(fd);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
  const char *path = path_of(fd);
  ssize_t written = REAL(pwrite64)(fd, data, length, offset);
  if (path != NULL && written > 0) record('w', path, (uint64_t)offset, data, (uint32_t)written);
  return written;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return pwrite64(fd, data, length, offset); }

ssize_t write(int fd, const void *data, size_t length) {
  const char *path = path_of(fd);
  off_t offset = path == NULL ? 0 : lseek(fd, 0, SEEK_CUR);
  ssize_t written = REAL(write)(fd, data, length);
  if (path != NULL && written > 0) record('w', path, (uint64_t)offset, data, (uint32_t)written);
  return written;
}

int ftruncate64(int fd, off64_t length) {
  const char *path = path_of(fd);
  int result = REAL(ftruncate64)(fd, length);
  if (path != NULL && result == 0) record('t', path, (uint64_t)length, NULL, 0);
  return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int synced(int fd, int result) {
  const char *path = path_of(fd);
  if (path != NULL && result == 0) record('s', path, 0, NULL, 0);
  return result;
}

int fsync(int fd) { return synced(fd, REAL(fsync)(fd)); }

int fdatasync(int fd) { return synced(fd, REAL(fdatasync)(fd)); }

int unlink(const char *path) {
  int result = REAL(unlink)(path);
  if (result == 0 && is_recorded(path)) record('u', path, 0, NULL, 0);
  return result;
}
