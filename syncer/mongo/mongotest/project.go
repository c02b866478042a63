package mongotest

import (
	"bytes"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// project keeps the named paths, in the order of the document.
func project(doc bson.Raw, paths [][]string) bson.Raw {
	elements, _ := doc.Elements()
	var out bson.D
	for _, e := range elements {
		var deeper [][]string
		whole := false
		for _, p := range paths {
			if p[0] == e.Key() {
				whole = whole || len(p) == 1
				deeper = append(deeper, p[1:])
			}
		}
		v := e.Value()
		switch nested, isDoc := v.DocumentOK(); {
		case whole:
			out = append(out, bson.E{Key: e.Key(), Value: v})
		case len(deeper) > 0 && isDoc:
			out = append(out, bson.E{Key: e.Key(), Value: project(nested, deeper)})
		}
	}
	return marshal(out)
}

// parseProjection knows inclusions alone; _id is always in.
func parseProjection(doc bson.Raw) ([][]string, error) {
	elements, err := doc.Elements()
	if err != nil {
		return nil, err
	}
	paths := [][]string{{"_id"}}
	for _, e := range elements {
		if n, ok := e.Value().AsInt64OK(); !ok || n != 1 {
			return nil, refuse(2, "the double knows no projection but the inclusion of %s", e.Key())
		}
		paths = append(paths, strings.Split(e.Key(), "."))
	}
	return paths, nil
}

var sortByID = marshal(bson.D{{Key: "_id", Value: int32(1)}})

func checkSort(doc bson.Raw) error {
	if len(doc) > 5 && !bytes.Equal(doc, sortByID) {
		return refuse(2, "the double sorts by _id alone, ascending")
	}
	return nil
}
