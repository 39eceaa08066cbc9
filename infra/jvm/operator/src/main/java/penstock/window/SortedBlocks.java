package penstock.window;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.jspecify.annotations.Nullable;
import penstock.types.Wire;

/**
 * A sorted sequence of different values with their counts, in blocks of bounded size. This is its directory, an entry
 * for each block; the blocks themselves are looked up when they are needed.
 */
final class SortedBlocks {
    private final boolean text;
    private final Order order;
    /** Ids of blocks are above it: sequences of one key do not share any. */
    private final long space;

    private final List<Entry> entries = new ArrayList<>();
    /** The last block id that was given. */
    private long ids;

    private Blocks blocks;

    SortedBlocks(boolean text, long space, Order order) {
        this.text = text;
        this.space = space;
        this.order = order;
    }

    /** Compares two values with their counts. */
    interface Order {
        int compare(long bitsA, @Nullable String textA, long countA, long bitsB, @Nullable String textB, long countB);
    }

    /** Takes a value; returns false to see no more. */
    interface Visit {
        boolean value(long bits, @Nullable String text);
    }

    /** A block: how many values, the sum of their counts, and the first of them. */
    private static final class Entry {
        long id;
        int size;
        long total;
        long bits;
        @Nullable String text;
        long count;

        void describe(Block block) {
            size = block.size;
            total = block.total();
            first(block);
        }

        void first(Block block) {
            bits = block.bitsAt(0);
            text = block.textAt(0);
            count = block.counts[0];
        }

        Entry copy() {
            Entry copy = new Entry();
            copy.id = id;
            copy.size = size;
            copy.total = total;
            copy.bits = bits;
            copy.text = text;
            copy.count = count;
            return copy;
        }
    }

    /** Turns to the current key's blocks. */
    void open(Blocks of) {
        blocks = of;
    }

    /** Adds to a value's count, for an order that does not go by counts; a value whose count is 0 is gone. Returns the count. */
    long change(long bits, String value, long by) {
        int b = entryOf(bits, value, 0);
        int place = entries.isEmpty() ? -1 : placeIn(blocks.get(entries.get(b).id), bits, value, 0);
        if (place < 0) {
            insert(b, -place - 1, bits, value, by);
            return by;
        }
        Entry entry = entries.get(b);
        Block block = blocks.change(entry.id);
        block.counts[place] += by;
        entry.total += by;
        long count = block.counts[place];
        if (count == 0) {
            delete(b, place);
        }
        return count;
    }

    /** Puts a value that is not there. */
    void insert(long bits, String value, long count) {
        int b = entryOf(bits, value, count);
        int place = entries.isEmpty() ? -1 : placeIn(blocks.get(entries.get(b).id), bits, value, count);
        insert(b, -place - 1, bits, value, count);
    }

    /** Takes a value away that is there with this count. */
    void delete(long bits, String value, long count) {
        int b = entryOf(bits, value, count);
        Entry entry = entries.get(b);
        int place = placeIn(blocks.get(entry.id), bits, value, count);
        entry.total -= count;
        delete(b, place);
    }

    /** The last block that does not begin after the value, else the first. */
    private int entryOf(long bits, String value, long count) {
        int low = 0;
        int high = entries.size() - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            Entry entry = entries.get(middle);
            if (order.compare(entry.bits, entry.text, entry.count, bits, value, count) <= 0) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }

    /** The value's place in a block; where it is not there, -1 less the place at which it would be. */
    private int placeIn(Block block, long bits, String value, long count) {
        int low = 0;
        int high = block.size;
        while (low < high) {
            int middle = (low + high) >>> 1;
            int sign = order.compare(
                    block.bitsAt(middle), block.textAt(middle), block.counts[middle], bits, value, count);
            if (sign == 0) {
                return middle;
            } else if (sign < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return -low - 1;
    }

    private void insert(int b, int place, long bits, String value, long count) {
        if (entries.isEmpty()) {
            addBlock(0);
        } else if (entries.get(b).size == Block.FULL) {
            split(b);
            if (place > Block.FULL / 2) {
                insert(b + 1, place - Block.FULL / 2, bits, value, count);
                return;
            }
        }
        Entry entry = entries.get(b);
        Block block = blocks.change(entry.id);
        block.insert(place, bits, value, count);
        entry.size++;
        entry.total += count;
        entry.first(block);
    }

    private Entry addBlock(int b) {
        Entry entry = new Entry();
        entry.id = space + ++ids;
        entries.add(b, entry);
        blocks.add(entry.id, new Block(text));
        return entry;
    }

    private void split(int b) {
        Entry lower = entries.get(b);
        Entry upper = addBlock(b + 1);
        blocks.change(lower.id).moveTail(Block.FULL / 2, blocks.get(upper.id));
        lower.describe(blocks.get(lower.id));
        upper.describe(blocks.get(upper.id));
    }

    private void delete(int b, int place) {
        Entry entry = entries.get(b);
        Block block = blocks.change(entry.id);
        block.delete(place);
        entry.size--;
        if (entry.size == 0) {
            drop(b);
        } else {
            entry.first(block);
            join(b);
        }
    }

    private void drop(int b) {
        blocks.remove(entries.remove(b).id);
    }

    void clear() {
        while (!entries.isEmpty()) {
            drop(entries.size() - 1);
        }
    }

    /** A small block takes in the next one where both together are half full. */
    private void join(int b) {
        Entry entry = entries.get(b);
        if (b + 1 < entries.size() && entry.size + entries.get(b + 1).size <= Block.FULL / 2) {
            Block block = blocks.change(entry.id);
            blocks.get(entries.get(b + 1).id).moveTail(0, block);
            drop(b + 1);
            entry.describe(block);
        }
    }

    /** Visits the value at a rank, counted from 0, where each value stands as often as its count. */
    void at(long rank, Visit visit) {
        long left = rank;
        int b = 0;
        while (left >= entries.get(b).total) {
            left -= entries.get(b++).total;
        }
        Block block = blocks.get(entries.get(b).id);
        int place = 0;
        while (left >= block.counts[place]) {
            left -= block.counts[place++];
        }
        visit.value(block.bitsAt(place), block.textAt(place));
    }

    void forEach(Visit visit) {
        for (Entry entry : entries) {
            Block block = blocks.get(entry.id);
            for (int i = 0; i < block.size; i++) {
                if (!visit.value(block.bitsAt(i), block.textAt(i))) {
                    return;
                }
            }
        }
    }

    void write(DataOutputView out) throws IOException {
        Wire.writeSize(ids, out);
        Wire.writeSize(entries.size(), out);
        for (Entry entry : entries) {
            Wire.writeSize(entry.id - space, out);
            Wire.writeSize(entry.size, out);
            Wire.writeSize(entry.total, out);
            if (text) {
                Wire.writeText(entry.text, out);
            } else {
                out.writeLong(entry.bits);
            }
            Wire.writeSize(entry.count, out);
        }
    }

    void read(DataInputView in) throws IOException {
        ids = Wire.readSize(in);
        for (long left = Wire.readSize(in); left > 0; left--) {
            Entry entry = new Entry();
            entry.id = space + Wire.readSize(in);
            entry.size = (int) Wire.readSize(in);
            entry.total = Wire.readSize(in);
            entry.bits = text ? 0 : in.readLong();
            entry.text = text ? Wire.readText(in) : null;
            entry.count = Wire.readSize(in);
            entries.add(entry);
        }
    }

    /** A deep copy of the directory. */
    SortedBlocks copy() {
        SortedBlocks copy = new SortedBlocks(text, space, order);
        entries.forEach(entry -> copy.entries.add(entry.copy()));
        copy.ids = ids;
        return copy;
    }
}
