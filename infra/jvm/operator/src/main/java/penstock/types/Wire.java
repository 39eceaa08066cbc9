package penstock.types;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.jspecify.annotations.Nullable;

/** How strings and byte arrays are written: their length as a varint (0 for null, else one more), then their bytes. */
public final class Wire {
    private Wire() {}

    public static void writeText(@Nullable String text, DataOutputView out) throws IOException {
        writeBytes(text == null ? null : text.getBytes(StandardCharsets.UTF_8), out);
    }

    public static @Nullable String readText(DataInputView in) throws IOException {
        byte[] bytes = readBytes(in);
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    public static void writeBytes(byte @Nullable [] bytes, DataOutputView out) throws IOException {
        if (bytes == null) {
            out.writeByte(0);
            return;
        }
        writeSize(bytes.length + 1L, out);
        out.write(bytes);
    }

    public static byte @Nullable [] readBytes(DataInputView in) throws IOException {
        long size = readSize(in);
        if (size == 0) {
            return null;
        }
        byte[] bytes = new byte[(int) size - 1];
        in.readFully(bytes);
        return bytes;
    }

    /** Writes a long whose small values of either sign are common. */
    public static void writeSigned(long value, DataOutputView out) throws IOException {
        writeSize((value << 1) ^ (value >> 63), out);
    }

    public static long readSigned(DataInputView in) throws IOException {
        long raw = readSize(in);
        return (raw >>> 1) ^ -(raw & 1);
    }

    /** Writes an unsigned long, seven bits a byte. */
    public static void writeSize(long size, DataOutputView out) throws IOException {
        long left = size;
        while ((left & ~0x7FL) != 0) {
            out.writeByte((int) (left & 0x7F | 0x80));
            left >>>= 7;
        }
        out.writeByte((int) left);
    }

    public static long readSize(DataInputView in) throws IOException {
        long size = 0;
        for (int shift = 0; ; shift += 7) {
            byte b = in.readByte();
            size |= (long) (b & 0x7F) << shift;
            if (b >= 0) {
                return size;
            }
        }
    }
}
