/// <reference lib="webworker" />

// Keeps the whole build, so that the page works without a network. Both strings are replaced by the build.
const files = '__PRECACHE__' as unknown as readonly string[];
const version = '__PRECACHE_VERSION__';

const worker = self as unknown as ServiceWorkerGlobalScope;
// Caches belong to the origin, which may serve other pages: the scope keeps them apart.
const prefix = `qedge-edge ${worker.registration.scope} `;
const cacheName = prefix + version;

worker.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(cacheName)
      .then((cache) => cache.addAll(files.map((file) => new Request(file, { cache: 'reload' })))),
  );
});

worker.addEventListener('activate', (event) => {
  const removeOlder = async () => {
    const names = await caches.keys();
    await Promise.all(
      names
        .filter((name) => name.startsWith(prefix) && name !== cacheName)
        .map((name) => caches.delete(name)),
    );
    // The first visit is served from the cache too, without a reload.
    await worker.clients.claim();
  };
  event.waitUntil(removeOlder());
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || !request.url.startsWith(worker.registration.scope)) return;
  event.respondWith(answer(request));
});

/** From the cache of this version, so that page, code and model always fit one another; else from the network. */
async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const match = (wanted: Request | string) => cache.match(wanted, { ignoreSearch: true, ignoreVary: true });
  const isPage = request.mode === 'navigate';
  return (await match(request)) ?? (isPage ? await match('./') : undefined) ?? fetch(request);
}
