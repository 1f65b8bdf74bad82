import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { answering } from './answering.ts';
import { freePort } from './collect-garbage.ts';
import { pinned, serverCore } from './machine.ts';
import { type RunningTarget, stopChild, track } from './target.ts';

const config = (module: string, port: number) => `
load_module ${module};
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid nginx.pid;
error_log error.log warn;
events { worker_connections 19000; }
http {
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  nchan_shared_memory_size 256M;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /subscribe {
      nchan_subscriber eventsource;
      nchan_channel_id pokes;
      nchan_subscriber_first_message newest;
      nchan_eventsource_event poke;
    }
    location /streams/ {
      nchan_publisher;
      nchan_channel_id pokes;
      nchan_message_buffer_length 5000;
      nchan_message_timeout 60s;
    }
  }
}
`;

/** Starts nginx with nchan: one worker, pinned like every server, with its files in a temporary folder. */
export async function startNchan(module: string): Promise<RunningTarget> {
  const folder = mkdtempSync(join(tmpdir(), 'pokewire-nchan-'));
  const port = await freePort();
  writeFileSync(join(folder, 'nginx.conf'), config(module, port));
  const [command, args] = pinned(serverCore, 'nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log']);
  const master = spawn(command, args, { detached: true, stdio: 'ignore' });
  track(master);
  await answering(port);
  return {
    port,
    pid: await workerOf(master.pid!),
    stop: async () => {
      await stopChild(master);
      rmSync(folder, { recursive: true });
    },
  };
}

// The master listens before its worker exists.
async function workerOf(master: number): Promise<number> {
  for (let tries = 0; tries < 250; tries++) {
    const worker = Number(readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim().split(' ')[0]);
    if (worker > 0) return worker;
    await sleep(20);
  }
  throw new Error('nginx has no worker');
}
