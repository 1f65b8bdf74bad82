/** Loaded into a server: between one SIGUSR2 and the next it repeatedly blocks the event loop. */
const heldMs = 300;
let isHeld = false;

function hold(): void {
  if (!isHeld) return;
  const endMs = performance.now() + heldMs;
  while (performance.now() < endMs);
  setImmediate(hold);
}

process.on('SIGUSR2', () => {
  isHeld = !isHeld;
  hold();
});
