// Files of the page's own folder. Each is a script that delivers its content, gzipped and in base64: a browser that has
// opened the page from disk loads scripts, but no other file.

const delivered = new Map();
window.deliver = (name, content) => delivered.set(name, content);

// Returns a file's bytes.
export async function asset(name) {
  await new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = `assets/${name}.js`;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`assets/${name}.js is missing beside the page; build it anew: make web`));
    document.head.append(script);
  });
  const gzipped = await fetch(`data:application/octet-stream;base64,${delivered.get(name)}`);
  delivered.delete(name);
  return new Uint8Array(await new Response(gzipped.body.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());
}

// Returns an address under which this page alone can load a file.
export async function address(name, type) {
  return URL.createObjectURL(new Blob([await asset(name)], {type}));
}
