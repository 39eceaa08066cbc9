package penstock.window;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Some neighbours of a sorted sequence of values, each with a count. */
final class Block {
    /** Values in a full block. */
    static final int FULL = 128;

    int size;
    /** Null for strings. */
    final long[] bits;
    /** Null unless strings. */
    final String @Nullable [] texts;

    final long[] counts;

    Block(boolean text) {
        bits = text ? null : new long[FULL];
        texts = text ? new String[FULL] : null;
        counts = new long[FULL];
    }

    private Block(Block from) {
        size = from.size;
        bits = from.bits == null ? null : from.bits.clone();
        texts = from.texts == null ? null : from.texts.clone();
        counts = from.counts.clone();
    }

    long bitsAt(int i) {
        return bits == null ? 0 : bits[i];
    }

    @Nullable String textAt(int i) {
        return texts == null ? null : texts[i];
    }

    private Object values() {
        return bits != null ? bits : texts;
    }

    void insert(int i, long newBits, String newText, long count) {
        System.arraycopy(values(), i, values(), i + 1, size - i);
        System.arraycopy(counts, i, counts, i + 1, size - i);
        size++;
        put(i, newBits, newText, count);
    }

    /** Appends what was read. */
    void append(long newBits, String newText, long count) {
        put(size++, newBits, newText, count);
    }

    private void put(int i, long newBits, String newText, long count) {
        if (bits != null) {
            bits[i] = newBits;
        } else {
            texts[i] = newText;
        }
        counts[i] = count;
    }

    void delete(int i) {
        System.arraycopy(values(), i + 1, values(), i, size - i - 1);
        System.arraycopy(counts, i + 1, counts, i, size - i - 1);
        cut(size - 1);
    }

    /** Moves the values from place {@code i} on to the end of another block. */
    void moveTail(int i, Block to) {
        System.arraycopy(values(), i, to.values(), to.size, size - i);
        System.arraycopy(counts, i, to.counts, to.size, size - i);
        to.size += size - i;
        cut(i);
    }

    private void cut(int newSize) {
        if (texts != null) {
            Arrays.fill(texts, newSize, size, null);
        }
        size = newSize;
    }

    /** The sum of the counts. */
    long total() {
        long total = 0;
        for (int i = 0; i < size; i++) {
            total += counts[i];
        }
        return total;
    }

    /** A deep copy. */
    Block copy() {
        return new Block(this);
    }
}
