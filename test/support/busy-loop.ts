/** Loaded into a server: from one SIGUSR2 to the next its event loop is held up again and again. */
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
