package dev.sluice.connect;

import java.util.function.Supplier;
import javax.management.Attribute;
import javax.management.AttributeList;
import javax.management.AttributeNotFoundException;
import javax.management.DynamicMBean;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanInfo;

/** A metric as a worker publishes it by JMX: one attribute that can be read. */
final class SingleAttribute implements DynamicMBean {
    private final String name;
    private final Supplier<Number> value;

    SingleAttribute(String name, Supplier<Number> value) {
        this.name = name;
        this.value = value;
    }

    @Override
    public Object getAttribute(String attribute) throws AttributeNotFoundException {
        if (!attribute.equals(name)) {
            throw new AttributeNotFoundException(attribute);
        }
        return value.get().doubleValue();
    }

    @Override
    public void setAttribute(Attribute attribute) {
        throw new UnsupportedOperationException();
    }

    @Override
    public AttributeList getAttributes(String[] attributes) {
        throw new UnsupportedOperationException();
    }

    @Override
    public AttributeList setAttributes(AttributeList attributes) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Object invoke(String action, Object[] parameters, String[] signature) {
        throw new UnsupportedOperationException();
    }

    @Override
    public MBeanInfo getMBeanInfo() {
        var attribute = new MBeanAttributeInfo(name, "double", "a metric", true, false, false);
        return new MBeanInfo(
                SingleAttribute.class.getName(), "metrics", new MBeanAttributeInfo[] {attribute}, null, null, null);
    }
}
