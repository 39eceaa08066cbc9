package penstock.ingest;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** A place in a document that paths go through, or end at: there its value goes into {@link #slots}. */
final class Node {
    static final Node[] NONE = {};
    private static final int[] NO_SLOTS = {};

    final String words;
    /** Of an object the fields that matter, and what is in each. */
    byte[][] names = {};
    Node[] children = NONE;
    /** Of an array what is in each of its elements; null where nothing matters. */
    Node[] elements = NONE;
    /** Where the value itself goes. */
    int[] slots = NO_SLOTS;
    /** The slots of the values right in it. */
    int[] within = NO_SLOTS;
    /** All slots below it. */
    int[] below = NO_SLOTS;
    /** The record in which it was met last. */
    long met;

    Node(String words) {
        this.words = words;
    }

    /** Adds a path, whose value goes into a slot. */
    void add(List<Object> path, int slot) {
        Node node = this;
        for (int i = 0; i < path.size(); i++) {
            node.below = with(node.below, slot);
            if (i == path.size() - 1) {
                node.within = with(node.within, slot);
            }
            node = node.step(path, i);
        }
        node.slots = with(node.slots, slot);
    }

    private Node step(List<Object> path, int place) {
        String words = Layout.words(path.subList(0, place + 1));
        if (path.get(place) instanceof Integer index) {
            elements = Arrays.copyOf(elements, Math.max(elements.length, index + 1));
            elements[index] = elements[index] == null ? new Node(words) : elements[index];
            return elements[index];
        }
        byte[] name = ((String) path.get(place)).getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < names.length; i++) {
            if (Arrays.equals(names[i], name)) {
                return children[i];
            }
        }
        names = Arrays.copyOf(names, names.length + 1);
        children = Arrays.copyOf(children, names.length);
        names[names.length - 1] = name;
        children[names.length - 1] = new Node(words);
        return children[names.length - 1];
    }

    private static int[] with(int[] slots, int slot) {
        int[] more = Arrays.copyOf(slots, slots.length + 1);
        more[slots.length] = slot;
        return more;
    }

    /** Forgets that what is in it was met. */
    void forget() {
        for (Node child : children) {
            child.met = 0;
            child.forget();
        }
        for (Node element : elements) {
            if (element != null) {
                element.met = 0;
                element.forget();
            }
        }
    }
}
