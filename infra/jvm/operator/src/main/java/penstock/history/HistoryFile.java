package penstock.history;

import com.github.luben.zstd.ZstdInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The lines of a file that zstd compresses. Not for use by several threads. */
final class HistoryFile implements AutoCloseable {
    private static final int ROOM = 1 << 17;

    private final InputStream in;
    private byte[] buffer = new byte[ROOM];
    private int at;
    private int end;
    private int lineStart;

    /** @param passed how many lines are left out at the beginning */
    HistoryFile(String file, long passed) throws IOException {
        in = new ZstdInputStream(Files.newInputStream(Path.of(file)));
        for (long left = passed; left > 0; left--) {
            if (lineEnd() < 0) {
                throw new EOFException(file + " has fewer lines than were read of it");
            }
        }
    }

    /** The next line without its end; null after the last one. */
    byte @Nullable [] next() throws IOException {
        int stop = lineEnd();
        return stop < 0 ? null : Arrays.copyOfRange(buffer, lineStart, stop);
    }

    /** Goes past a line; where it ends in the buffer, or -1 after the last one. */
    private int lineEnd() throws IOException {
        lineStart = at;
        for (int i = at; ; i++) {
            if (i == end) {
                i -= lineStart;
                if (!fill()) {
                    return -1;
                }
            }
            if (buffer[i] == '\n') {
                at = i + 1;
                return i;
            }
        }
    }

    /** Reads more behind the line at hand, which goes to the buffer's beginning. False at the file's end. */
    private boolean fill() throws IOException {
        System.arraycopy(buffer, lineStart, buffer, 0, end - lineStart);
        end -= lineStart;
        lineStart = 0;
        if (end == buffer.length) {
            buffer = Arrays.copyOf(buffer, 2 * buffer.length);
        }
        int count = in.read(buffer, end, buffer.length - end);
        if (count < 0 && end > 0) {
            throw new EOFException("the last line has no end");
        }
        end += Math.max(count, 0);
        return count >= 0;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
