package penstock.route;

import org.apache.flink.api.common.typeinfo.BasicTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;

/** Events by their key's canonical JSON. */
public final class EventKey implements KeySelector<Event, String>, ResultTypeQueryable<String> {
    private static final long serialVersionUID = 1L;

    @Override
    public String getKey(Event event) {
        return event.key;
    }

    @Override
    public TypeInformation<String> getProducedType() {
        return BasicTypeInfo.STRING_TYPE_INFO;
    }
}
