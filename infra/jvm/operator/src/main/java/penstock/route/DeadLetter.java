package penstock.route;

import org.jspecify.annotations.Nullable;

/** A record that a source (view null) or one view refused, with its raw bytes. */
public record DeadLetter(
        String source, @Nullable String view, String error, String detail, int partition, long offset, byte[] raw) {}
