package penstock.plan;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A view's plan. {@code json} is its canonical text, from which everything else was read. {@code sources}: one, or the
 * streams of a union.
 */
public record View(
        String json,
        String name,
        List<Source> sources,
        List<Column> key,
        @Nullable Expr filter,
        List<Arg> args,
        List<Expr> wheres,
        List<Window> windows,
        List<Feature> features) {

    /** Hex SHA-256 of the canonical text. */
    public String fingerprint() {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(json.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    public boolean isUnion() {
        return sources.size() > 1;
    }

    /** The place of the source with this name. */
    public int place(String source) {
        for (int i = 0; i < sources.size(); i++) {
            if (sources.get(i).name().equals(source)) {
                return i;
            }
        }
        throw new PlanException("view " + name + " does not read source " + source);
    }

    /** Do ids tell events of some source apart? */
    public boolean hasIds() {
        return sources.stream().anyMatch(source -> source.id() != null);
    }

    /** By argument: does it travel as text? */
    public boolean[] textArgs() {
        boolean[] text = new boolean[args.size()];
        for (int a = 0; a < text.length; a++) {
            text[a] = args.get(a).type().isText();
        }
        return text;
    }

    /** Do events of some source change? */
    public boolean hasOps() {
        return sources.stream().anyMatch(source -> source.op() != null);
    }

    /** The greatest of all sources'. */
    public long lateness() {
        return sources.stream().mapToLong(Source::lateness).max().orElseThrow();
    }

    public boolean hasLifetime() {
        return windows.stream().anyMatch(Window::lifetime);
    }

    public boolean hasSession() {
        return windows.stream().anyMatch(Window::session);
    }
}
