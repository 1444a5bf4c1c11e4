/** Every IPv4 network that is not in this one, which is "A.B.C.D/LENGTH": together they are the rest of IPv4. */
export function allBut(network: string): string[] {
  const [ip = "", length = ""] = network.split("/");
  const word = ip.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
  return Array.from({ length: Number(length) }, (_, bits) => {
    const step = 2 ** (31 - bits);
    // The first bits as they are, the next one the other way, and zeros.
    const other = (Math.floor(word / step) + (Math.floor(word / step) % 2 === 0 ? 1 : -1)) * step;
    const bytes = [24, 16, 8, 0].map((shift) => Math.floor(other / 2 ** shift) % 256);
    return `${bytes.join(".")}/${bits + 1}`;
  });
}
