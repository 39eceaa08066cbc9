package penstock.plan;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** A view's plan. {@code json} is its canonical text, from which everything else was read. */
public record View(
        String json,
        String name,
        Source source,
        List<Column> key,
        Expr filter,
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

    public boolean hasLifetime() {
        return windows.stream().anyMatch(Window::lifetime);
    }

    public boolean hasSession() {
        return windows.stream().anyMatch(Window::session);
    }
}
