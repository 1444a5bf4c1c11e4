/** Names for rooms, and links to them. */

const FIRST = (
  "amber autumn brave bright calm clear clever copper coral crisp early eager evening fair fern fine gentle glad golden " +
  "green happy hidden honest ivory jolly kind late light little lively lucky mellow merry misty mild modern morning new " +
  "noble north olive open patient plain polar proud quick quiet rapid ready river round royal silver simple slow small " +
  "snowy soft south spring steady still summer sunny swift warm west wild winter wise young"
).split(" ");
const SECOND = (
  "acorn anchor apple aspen badger barley basil beacon beech birch bridge brook cabin candle canyon cedar cherry clover " +
  "comet cove crane creek daisy delta dune eagle elm ember falcon feather ferry field finch fjord forest fox garden " +
  "glade grove harbor hazel heron hill island jasper juniper kite lake lantern lark laurel lemon lily linden lotus maple " +
  "marsh meadow mill mint moon moss oak ocean orchard otter owl pebble pepper pine plum pond poppy reed ridge robin " +
  "sparrow spruce stone swan thistle tide tulip valley violet willow wren"
).split(" ");

/** Two words and six letters or digits: easy to say, and not to be guessed while a call lasts (about 44 bits). */
export function randomRoomName(): string {
  return `${pick(FIRST)}-${pick(SECOND)}-${Array.from({ length: 6 }, randomCharacter).join("")}`;
}

/** Without the ones that look like others. */
function randomCharacter(): string {
  return pick([..."abcdefghjkmnpqrstuvwxyz23456789"]);
}

function pick(words: readonly string[]): string {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return words[random % words.length] ?? "";
}

/** The room that the page's address names, as `?room=tea` or `#tea`. */
export function roomFromAddress(address: Location): string | undefined {
  const query = new URLSearchParams(address.search).get("room");
  const room = query ?? decode(address.hash.slice(1));
  return room === "" ? undefined : room.slice(0, 128);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The part behind # never leaves the browser: no log and no proxy learns which rooms there are. */
export function linkToRoom(room: string): string {
  return `${location.origin}/#${encodeURIComponent(room)}`;
}
