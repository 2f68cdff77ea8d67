package dev.sluice.connect.sink;

import java.util.Map;
import java.util.function.Supplier;
import javax.management.Attribute;
import javax.management.AttributeList;
import javax.management.AttributeNotFoundException;
import javax.management.DynamicMBean;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanInfo;

/** Read-only numbers in JMX, like the metrics of a worker. */
final class PublishedMetrics implements DynamicMBean {
    private final Map<String, Supplier<Number>> attributes;

    PublishedMetrics(Map<String, Supplier<Number>> attributes) {
        this.attributes = Map.copyOf(attributes);
    }

    @Override
    public Object getAttribute(String attribute) throws AttributeNotFoundException {
        Supplier<Number> value = attributes.get(attribute);
        if (value == null) {
            throw new AttributeNotFoundException(attribute);
        }
        return value.get().doubleValue();
    }

    @Override
    public void setAttribute(Attribute attribute) {
        throw new UnsupportedOperationException();
    }

    @Override
    public AttributeList getAttributes(String[] names) {
        throw new UnsupportedOperationException();
    }

    @Override
    public AttributeList setAttributes(AttributeList values) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Object invoke(String action, Object[] parameters, String[] signature) {
        throw new UnsupportedOperationException();
    }

    @Override
    public MBeanInfo getMBeanInfo() {
        MBeanAttributeInfo[] all = attributes.keySet().stream()
                .map(name -> new MBeanAttributeInfo(name, "double", "a metric", true, false, false))
                .toArray(MBeanAttributeInfo[]::new);
        return new MBeanInfo(PublishedMetrics.class.getName(), "metrics", all, null, null, null);
    }
}
