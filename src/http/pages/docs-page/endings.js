const endings = {
  overloaded: 'The server is overloaded and takes no new subscriptions.',
  'too-many-subscriptions': 'All subscriptions are taken.',
  'rate-limited': 'The server takes no more requests at the moment.',
  draining: 'The server is stopping.',
  stalled: 'This page read too slowly.',
  revoked: 'The token is no longer valid.',
  'namespace-deleted': 'The namespace was deleted.',
  'log-replaced': 'An import replaced the log.',
  'log-forgotten': 'Retention deleted messages before they were delivered.',
  'backend-error': 'The store failed.',
  'internal-error': 'The server failed.',
  'not-ready': 'The server is not ready.',
};

/** Why a stream ended or was refused, by the code in its `end` event. */
export const endingText = (code) => endings[code] ?? code;
