package penstock.window;

/** How the events of a view lie in a {@link Chunk}: which of its arguments are strings, and where the others stand. */
final class ChunkColumns {
    /** What an event has before its arguments: its time, the bits of those that are null, and those of its conditions. */
    static final int TIME = 0;

    static final int NULLS = 1;
    static final int WHERES = 2;

    /** By argument: is it a string? */
    private final boolean[] text;
    /** By argument its place among an event's numbers; without meaning for a string. */
    private final int[] places;
    /** Numbers that an event has. */
    final int width;

    /** @param text by argument: is it a string? */
    ChunkColumns(boolean... text) {
        this.text = text;
        places = new int[text.length];
        int next = WHERES + 1;
        for (int a = 0; a < text.length; a++) {
            places[a] = next;
            next += text[a] ? 0 : 1;
        }
        width = next;
    }

    int size() {
        return text.length;
    }

    boolean isText(int arg) {
        return text[arg];
    }

    int place(int arg) {
        return places[arg];
    }
}
